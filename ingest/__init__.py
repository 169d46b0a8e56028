"""From the broker to the table: nothing that a device was told is stored gets lost."""
