"""The checkout's root is where `benches` is imported from, wherever pytest was started; here debug builds will do."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
os.environ["FERRIO_BENCH_PROFILE"] = "debug"
