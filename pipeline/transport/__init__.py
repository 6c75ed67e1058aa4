"""Communication between processes: messages, sockets, frame memory, credits."""
