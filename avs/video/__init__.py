"""Films from a file and back: pictures as they are shown, the sound as a network hears it. Needs the extra `video`."""

from avs.video.read import Film, VideoError
from avs.video.write import FilmWriter, film_at

__all__ = ["Film", "FilmWriter", "VideoError", "film_at"]
