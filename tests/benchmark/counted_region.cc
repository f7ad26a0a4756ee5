#include "tests/benchmark/counted_region.h"

extern "C" {

// The empty statement keeps a compiler from taking the two for one, or for none.
[[gnu::noinline]] void UserclientCountedRegionBegins() { asm volatile("nop" ::: "memory"); }
[[gnu::noinline]] void UserclientCountedRegionEnds() { asm volatile("" ::: "memory"); }

}  // extern "C"
