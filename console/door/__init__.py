"""The door: logging in and out, the second factor, links that work once, one's own account, and who has one."""
