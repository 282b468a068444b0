"""Two made-up people for Chromium's fake camera: drawn, moving a little, written as YUV4MPEG2."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT, FRAMES = 640, 480, 20
Plane = NDArray[np.float64]
Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Face:
    wall: Colour
    skin: Colour
    hair: Colour
    clothes: Colour


PATIENT = Face((214, 222, 232), (224, 172, 140), (190, 190, 195), (120, 90, 140))
CLINICIAN = Face((226, 236, 230), (141, 85, 60), (35, 28, 30), (250, 250, 252))


def write_camera(face: Face, path: Path) -> Path:
    """A loop for `--use-file-for-fake-video-capture`, 10 frames a second."""
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F10:1 Ip A1:1 C420jpeg\n".encode())
        for number in range(FRAMES):
            file.write(b"FRAME\n")
            for plane in _planes(_draw(face, 6 * np.sin(2 * np.pi * number / FRAMES))):
                file.write(np.clip(plane, 0, 255).astype(np.uint8).tobytes())
    return path


def _draw(face: Face, sway: float) -> Plane:
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    picture = np.empty((HEIGHT, WIDTH, 3))
    picture[:] = face.wall
    x = columns - WIDTH / 2 - sway

    def paint(colour: Colour, middle: float, wide: float, high: float) -> None:
        picture[(x / wide) ** 2 + ((rows - middle) / high) ** 2 < 1] = colour

    paint(face.clothes, 500, 210, 170)
    paint(face.hair, 205, 112, 128)
    paint(face.skin, 330, 42, 60)
    paint(face.skin, 225, 88, 112)
    for side in (-34, 34):
        picture[((x - side) / 8) ** 2 + ((rows - 208) / 9) ** 2 < 1] = (40, 36, 40)
    smile = (x / 34) ** 2 + ((rows - 262) / 18) ** 2 < 1
    picture[smile & (rows > 262)] = (150, 60, 60)
    return picture


def _planes(picture: Plane) -> tuple[Plane, Plane, Plane]:
    """Full-range BT.601 (JPEG), chroma halved both ways."""
    red, green, blue = picture[..., 0], picture[..., 1], picture[..., 2]
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return luma, (128 + 0.564 * (blue - luma))[::2, ::2], (128 + 0.713 * (red - luma))[::2, ::2]
