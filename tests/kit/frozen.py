"""How long a picture of a page stood still: the longest time without a new frame, of each person who is shown."""

from tests.kit.calls import Side
from tests.kit.patience import PATIENCE

# A person's picture may go from one element or stream to another meanwhile: what counts is when a frame came.
WATCH = """(() => {
  clearInterval(window.frozenTimer);
  window.longest = 0;
  window.alone = 0;
  const stands = new Map();
  const person = (video) => video.dataset.participant ?? "large";
  window.forgetAbsent = () => {
    const shown = new Set([...document.querySelectorAll("video")].map(person));
    for (const who of [...stands.keys()]) if (!shown.has(who)) stands.delete(who);
  };
  window.frozenTimer = setInterval(() => {
    const now = performance.now();
    window.alone += !window.peers.some((pc) => pc.connectionState === "connected" && pc.getReceivers().length > 0);
    for (const video of document.querySelectorAll("video")) {
      const who = person(video);
      const frames = video.getVideoPlaybackQuality().totalVideoFrames;
      if (frames === 0 && !stands.has(who)) continue; // who has not been seen yet does not stand still
      const before = stands.get(who) ?? { frames, at: now };
      window.longest = Math.max(window.longest, now - before.at);
      stands.set(who, frames === before.frames ? before : { frames, at: now });
    }
  }, 20);
})()"""


async def watch_frozen(*sides: Side) -> None:
    """Begin, or begin anew."""
    for side in sides:
        await side.do(WATCH)


async def forget_absent(*sides: Side) -> None:
    """Who is not shown just now has gone: when they are back, the time between was none in which they stood still."""
    for side in sides:
        await side.do("forgetAbsent()")


async def longest_frozen(side: Side) -> float:
    """Seconds, of the worst picture of that page, since the watch began; what stands still just now counts too."""
    return float(await side.do("window.longest")) / 1000


async def never_alone(side: Side) -> bool:
    """Whether, since the watch began, there was always a connection that others come by."""
    return bool(await side.do("window.alone === 0"))


async def handed_over(side: Side) -> bool:
    """Whether pictures came by another connection when the first that had brought some was closed."""
    closings = [each for each in await side.do("Promise.all(closings)") if each["by"] > 0]
    return bool(closings[0]["others"] > 0)


async def see(side: Side, people: int, *, more: int = 15, within: float = PATIENCE) -> None:
    """Waits until each of so many pictures has shown so many more frames."""
    faces = "window.faces?.()"
    await side.until(f"{faces}?.length === {people} && faces().every((frames) => frames > 0)", within)
    before = await side.do("faces()")
    after = " && ".join(f"faces()[{place}] >= {frames + more}" for place, frames in enumerate(before))
    again = " && ".join(f"faces()[{place}] < {frames}" for place, frames in enumerate(before))
    await side.until(f"faces().length === {people} && (({after}) || ({again}))", within)
