#pragma once

/// Marks for callgrind, by their names: with `--zero-before=UserclientCountedRegionBegins
/// --dump-after=UserclientCountedRegionEnds` it counts what is between the two, on all threads, and so neither start-up nor
/// warm-up. Otherwise they do nothing.
extern "C" {
void UserclientCountedRegionBegins();
void UserclientCountedRegionEnds();
}
