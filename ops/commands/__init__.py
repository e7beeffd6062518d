"""The command line's commands, one small file a group, and what they share."""
