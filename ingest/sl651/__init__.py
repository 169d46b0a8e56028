"""SL 651-2014: how hydrological telemetry stations report, in HEX/BCD and in ASCII."""
