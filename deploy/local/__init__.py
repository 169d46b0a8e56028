"""The private broker and database of one machine: no service, no user and no package is added to the host."""
