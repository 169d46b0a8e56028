"""What people look at: the operations page and the REST API."""
