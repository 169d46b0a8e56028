"""Pages for a phone in the field: plain HTML and one script, which works on without a net and sends later."""
