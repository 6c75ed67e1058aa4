"""What travels between processes, and how: messages, sockets, frame memory, credits."""
