"""X4D, the paper's benchmark dataset: quadruplets of text, image, video and 3D asset (docs/reference/dataset.md).

OUT/dataset.json             what was asked for
OUT/items/ID/source.json     what drives the item, where it comes from, its license and seed
OUT/items/ID/given.*         the file that drives it, where it is one
OUT/items/ID/text.txt, image.png, video/0000.png ..., asset/asset.npz, asset/mesh.glb
OUT/items/ID/text.json ...   of each of the four, last: who made it, with which seed, and the hash of every file
OUT/items/ID/quarantine.json why the item was taken out, where it was
OUT/choices.json             what a person kept and dropped
OUT/manifest.json            all of it in one file; the same however often the building was broken off
OUT/index.html, previews/    for looking through
"""
