"""Ports of an environment at home: found inside, held by sockets here, asked for whom they are meant."""
