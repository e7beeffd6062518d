"""What people and machines run Pinhole with: settings, command line, supervisor, logs, test telephones."""
