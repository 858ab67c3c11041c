"""What repeats a claim at another point, with other words, versions or delays, is for the longer run."""
import os

import pytest

thorough = pytest.mark.skipif(not os.environ.get("THOROUGH"), reason="runs with THOROUGH=1 in the environment")
