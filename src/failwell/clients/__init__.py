"""Adapters to HTTP libraries, one a room, each importing only the library it is named after."""
