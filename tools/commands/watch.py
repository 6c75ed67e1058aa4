"""``spotstream watch`` and ``spotstream keys``: the tracks that a pipeline publishes."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated, Any

import typer

from stages.errors import ConfigError

keys = typer.Typer(
    name="keys", no_args_is_help=True, help="Manage keys for tracks sent over a network."
)


def watch(
    address: Annotated[
        str,
        typer.Argument(metavar="ADDRESS", help="Address in the pipeline's runtime.publish."),
    ],
    stream: Annotated[str, typer.Option(help="Print only this stream.")] = "",
    key: Annotated[Path | None, typer.Option(help="Your .key_secret file.")] = None,
    server_key: Annotated[Path | None, typer.Option(help="The pipeline's .key file.")] = None,
    json_: Annotated[
        bool, typer.Option("--json", help="Print a JSON object for each frame and event.")
    ] = False,
    mqtt: Annotated[
        str,
        typer.Option(
            envvar="SPOTSTREAM_MQTT",
            help="Forward these objects to a broker, mqtt://USER:PASSWORD@HOST/PREFIX or "
            "mqtts://…, to the topics PREFIX/STREAM/KIND.",
        ),
    ] = "",
    kind: Annotated[
        list[str] | None,
        typer.Option(help="With --json or --mqtt: only objects of this kind; may be repeated."),
    ] = None,
) -> None:
    """Print published tracks as they arrive, one per line: the stream and a MOTChallenge row."""
    from tools.watching.watch import KINDS, print_json
    from tools.watching.watch import watch as print_tracks

    if unknown := ", ".join(set(kind or ()) - set(KINDS)):
        raise ConfigError(f"--kind must be one of {', '.join(KINDS)}, got {unknown}")
    if kind and not (json_ or mqtt):
        raise ConfigError("--kind needs --json or --mqtt")
    kinds = kind or KINDS
    with contextlib.ExitStack() as stack:
        publish = None
        if mqtt:
            from tools.watching.mqtt import MqttBroker

            publish = stack.enter_context(contextlib.closing(MqttBroker(mqtt, kinds))).publish

        def forward(fact: dict[str, Any]) -> None:
            if json_ and fact["kind"] in kinds:
                print_json(fact)
            if publish is not None:
                publish(fact)

        print_tracks(address, stream, key, server_key, forward if json_ or mqtt else None)


@keys.command()
def new(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Owner's name: the pipeline or a subscriber.")
    ],
    folder: Annotated[Path, typer.Option(help="Folder for the two files.")] = Path("keys"),
) -> None:
    """Create a pair of CURVE keys."""
    from pipeline.transport.keys import make_key

    public, secret = make_key(folder, name)
    typer.echo(f"{public}: public, for the others\n{secret}: secret, for {name} alone")
