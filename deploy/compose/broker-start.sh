#!/bin/sh
# Writes the broker's two accounts, hashed, from the environment and becomes the broker.
set -eu
umask 077
: >/mosquitto/data/passwords
mosquitto_passwd -b /mosquitto/data/passwords lifeline "$BROKER_PASSWORD"
mosquitto_passwd -b /mosquitto/data/passwords device "$DEVICE_PASSWORD"
# root in the container; the broker itself runs as mosquitto
if command -v chown >/dev/null; then chown -R mosquitto:mosquitto /mosquitto/data; fi
exec mosquitto -c /mosquitto/config/mosquitto.conf
