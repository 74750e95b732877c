"""Renders a label map by a running Spadework: python docs/render_from_a_script.py MAP.png [--variations 4]."""

import argparse
import shutil
from pathlib import Path

from gradio_client import Client, handle_file

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("map", help="a label map: a dataset's own, a colour map, or one saved by Spadework")
parser.add_argument("--photo", help="regenerate this photo where the map says a class, instead of rendering")
parser.add_argument("--variations", type=int, default=1)
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--out", type=Path, default=Path("."))
parser.add_argument("--address", default="http://127.0.0.1:7860")
args = parser.parse_args()

client = Client(args.address, verbose=False)

print("Models:")
for model in client.predict(api_name="/models"):
    print(f"  {model['label']}{model['problem'] and ' (' + model['problem'] + ')'}")

settings = {"seed": args.seed, "variations": args.variations, "quality": "fast"}
if args.photo:
    pictures = client.predict(photo=handle_file(args.photo), map=handle_file(args.map), api_name="/edit", **settings)
else:
    pictures = client.predict(map=handle_file(args.map), api_name="/render", **settings)

args.out.mkdir(parents=True, exist_ok=True)
for picture in pictures:
    print(shutil.copy(picture, args.out))
