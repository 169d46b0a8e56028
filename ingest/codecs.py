"""The registered codecs: a new wire format is one file and one entry here."""

from ingest.contract import Registry
from ingest.hj212.codec import Hj212
from ingest.senml import SenmlJson
from ingest.senml_cbor import SenmlCbor
from ingest.sl651.codec import Sl651
from ingest.sparkplug.codec import Sparkplug

CODECS = Registry(SenmlJson(), SenmlCbor(), Hj212(), Sl651(), Sparkplug())
