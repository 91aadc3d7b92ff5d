#!/usr/bin/env python3
"""Draws a terminal's screen as SVG: tmux capture-pane -e -p -t SESSION | .ci/screen.py TITLE > screen.svg

Characters keep their places whatever font the reader has; colours are those that the program chose.
"""
import re
import sys
from html import escape
from itertools import groupby

WIDTH, HEIGHT, PAD = 8, 17, 10
FOREGROUND, BACKGROUND = "#d0d0d0", "#101010"
BASIC = "000000 cd3131 0dbc79 e5e510 2472c8 bc3fbc 11a8cd e5e5e5 666666 f14c4c 23d18b f5f543 3b8eea d670d6 29b8db ffffff"
BASIC = ["#" + colour for colour in BASIC.split()]


def indexed(n):
    """The colour of a number of 256."""
    if n < 16:
        return BASIC[n]
    if n >= 232:
        return "#" + f"{8 + 10 * (n - 232):02x}" * 3
    n -= 16
    return "#" + "".join(f"{55 + 40 * part if part else 0:02x}" for part in (n // 36, n // 6 % 6, n % 6))


def style(codes, now):
    """What is in force after the codes of one sequence: foreground, background, bold, reversed."""
    fore, back, bold, swap = now
    codes = [int(code or 0) for code in codes]
    while codes:
        code = codes.pop(0)
        if code in (38, 48):
            if codes[:1] == [5]:
                colour, codes = indexed(codes[1]), codes[2:]
            else:
                colour, codes = "#%02x%02x%02x" % tuple(codes[1:4]), codes[4:]
            fore, back = (colour, back) if code == 38 else (fore, colour)
        elif code == 0:
            fore, back, bold, swap = None, None, False, False
        elif code in (1, 22):
            bold = code == 1
        elif code in (7, 27):
            swap = code == 7
        elif code in (39, 49):
            fore, back = (None, back) if code == 39 else (fore, None)
        elif 30 <= code % 60 < 38:
            fore = BASIC[code % 60 - 30 + (8 if code > 60 else 0)]
        elif 40 <= code % 60 < 48:
            back = BASIC[code % 60 - 40 + (8 if code > 60 else 0)]
    return fore, back, bold, swap


now, rows = (None, None, False, False), []
for line in sys.stdin.read().rstrip("\n").split("\n"):
    cells = []
    for codes, character in re.findall("\x1b\\[([0-9;:]*)m|([^\x1b])", line):
        if character:
            cells.append((character, now))
        else:
            now = style(re.split("[;:]", codes), now)
    rows.append(cells)

columns = max(map(len, rows))
width, height = columns * WIDTH + 2 * PAD, len(rows) * HEIGHT + 2 * PAD
print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">')
print(f"<title>{escape(sys.argv[1])}</title>")
print("<style>text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;white-space:pre}</style>")
print(f'<rect width="{width}" height="{height}" rx="6" fill="{BACKGROUND}"/>')
for y, cells in enumerate(rows):
    x = 0
    for (fore, back, bold, swap), run in groupby(cells, key=lambda cell: cell[1]):
        text = "".join(character for character, _ in run)
        fore, back = fore or FOREGROUND, back or BACKGROUND
        if swap:
            fore, back = back, fore
        left, top = PAD + x * WIDTH, PAD + y * HEIGHT
        if back != BACKGROUND and back != "#000000":
            print(f'<rect x="{left}" y="{top}" width="{len(text) * WIDTH}" height="{HEIGHT}" fill="{back}"/>')
        x += len(text)
        # in words, because a font's own width of a character is not known
        for word in re.finditer(r"\S+(?: \S+)*", text):
            at, length = left + word.start() * WIDTH, (word.end() - word.start()) * WIDTH
            weight = ' font-weight="bold"' if bold else ""
            print(f'<text x="{at}" y="{top + 13}" fill="{fore}" textLength="{length}"{weight}>{escape(word[0])}</text>')
print("</svg>")
