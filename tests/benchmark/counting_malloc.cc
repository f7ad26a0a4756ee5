#include "tests/benchmark/counting_malloc.h"

#include <atomic>
#include <cerrno>
#include <cstddef>

// glibc's own allocator under its other names. Memory from them may be given to glibc's free(), which stays as it is.
// NOLINTBEGIN(readability-identifier-naming): these names are glibc's.
extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* block, size_t size);
void* __libc_memalign(size_t alignment, size_t size);
}

namespace {

std::atomic<bool> counting{false};
std::atomic<int64_t> allocations{0};
std::atomic<int64_t> allocated_bytes{0};

void Note(size_t size) {
  if (!counting.load(std::memory_order_relaxed)) return;
  allocations.fetch_add(1, std::memory_order_relaxed);
  allocated_bytes.fetch_add(static_cast<int64_t>(size), std::memory_order_relaxed);
}

}  // namespace

extern "C" {

void* malloc(size_t size) {
  Note(size);
  return __libc_malloc(size);
}

void* calloc(size_t count, size_t size) {
  Note(count * size);
  return __libc_calloc(count, size);
}

void* realloc(void* block, size_t size) {
  Note(size);
  return __libc_realloc(block, size);
}

void* memalign(size_t alignment, size_t size) {
  Note(size);
  return __libc_memalign(alignment, size);
}

void* aligned_alloc(size_t alignment, size_t size) {
  Note(size);
  return __libc_memalign(alignment, size);
}

int posix_memalign(void** block, size_t alignment, size_t size) {
  Note(size);
  *block = __libc_memalign(alignment, size);
  return *block == nullptr ? ENOMEM : 0;
}

}  // extern "C"
// NOLINTEND(readability-identifier-naming)

namespace userclient::benchmark {

void StartCountingAllocations() {
  allocations = 0;
  allocated_bytes = 0;
  counting = true;
}

Allocations StopCountingAllocations() {
  counting = false;
  return {.count = allocations, .bytes = allocated_bytes};
}

}  // namespace userclient::benchmark
