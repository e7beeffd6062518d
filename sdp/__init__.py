"""Session descriptions as a gateway needs them: lossless to read and write, typed to look at, safe to edit. Pure."""
