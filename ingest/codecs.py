"""The registered codecs: a new wire format is one file and one entry here."""

from ingest.contract import Registry
from ingest.senml import SenmlJson

CODECS = Registry(SenmlJson())
