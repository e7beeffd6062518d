"""Headers: the collection of a message, and the typed ones, one a file."""
