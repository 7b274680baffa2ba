"""One file a noun; each is loaded when its command is typed."""
