"""`python -m simulators.demo_city [FOLDER]` writes all demo packs, by default to where they are shipped."""

import sys
from pathlib import Path

from simulators.demo_city.plan import CITIES
from simulators.demo_city.write import write_pack
from simulators.packs import FOLDER

folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
for plan in CITIES:
    write_pack(plan, folder / plan.folder)
    print(f"{plan.code} {plan.name.en}: {folder / plan.folder}")
