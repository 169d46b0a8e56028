"""A trained nowcast as bytes, and back: read only where its digest and the libraries that wrote it are the same.

The bytes are a pickle. It is read by a reader that makes nothing but the classes that a nowcast consists of, so that a
file that was tampered with can run no code.
"""

import hashlib
import io
import pickle
from typing import Any

from detect.flood.features import FEATURES
from detect.flood.nowcast import Nowcast
from lifeline.errors import ReplayError

_PARTS = {
    "detect.flood.nowcast": {"Nowcast", "Models"},
    "detect.flood.exceedance": {"Exceedance"},
    "detect.flood.known": {"Known"},
    "detect.flood.likeness": {"Likeness"},
    "detect.flood.record": {"Record"},
    "numpy": {"dtype", "ndarray"},
    "numpy._core.multiarray": {"_reconstruct", "scalar"},
    "numpy._core.numeric": {"_frombuffer"},
    "sklearn._loss._loss": {"CyHalfBinomialLoss"},
    "sklearn._loss.link": {"Interval", "LogitLink"},
    "sklearn._loss.loss": {"HalfBinomialLoss"},
    "sklearn.ensemble._hist_gradient_boosting.binning": {"_BinMapper"},
    "sklearn.ensemble._hist_gradient_boosting.gradient_boosting": {"HistGradientBoostingClassifier"},
    "sklearn.ensemble._hist_gradient_boosting.predictor": {"TreePredictor"},
    "sklearn.isotonic": {"IsotonicRegression"},
    "sklearn.preprocessing._label": {"LabelEncoder"},
}
"""what a nowcast consists of, by module"""


def made_with() -> str:
    """The libraries and the features that a file of this program belongs to."""
    import numpy
    import sklearn

    own = hashlib.sha256(" ".join(FEATURES).encode()).hexdigest()[:12]
    return f"scikit-learn {sklearn.__version__}, numpy {numpy.__version__}, features {own}"


def digest(content: bytes) -> str:
    """What the store keeps beside the bytes."""
    return hashlib.sha256(content).hexdigest()


def to_bytes(nowcast: Nowcast) -> bytes:
    """The nowcast as bytes."""
    return pickle.dumps(nowcast, protocol=5)


def from_bytes(content: bytes, *, sha256: str, written_with: str) -> Nowcast:
    """The nowcast in `content`. Raises ReplayError where it is damaged, or was written by other libraries."""
    again = "run `lifeline train flood` again"
    if digest(content) != sha256:
        raise ReplayError("the flood model is damaged: its digest differs", advice=again)
    if written_with != made_with():
        raise ReplayError(f"the flood model was written with {written_with}, here is {made_with()}", advice=again)
    try:
        found = _Reader(io.BytesIO(content)).load()
    except Exception as error:  # whatever damaged bytes may raise
        raise ReplayError(f"the flood model cannot be read: {error}", advice=again) from error
    if not isinstance(found, Nowcast):
        raise ReplayError("the flood model holds something else", advice=again)
    return found


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if name not in _PARTS.get(module, ()):
            raise pickle.UnpicklingError(f"{module}.{name} is no part of a flood model")
        return super().find_class(module, name)
