// ThreadSanitizer and absl::Mutex. Debian's Abseil is not instrumented, so ThreadSanitizer sees none of its mutexes, and takes
// what they guard, here and in gRPC, for races. This file puts itself before Abseil's functions (a program's own symbols come
// first, for the libraries that it loads too), does what they do, and says so to ThreadSanitizer.
//
// Said is what everybody needs who comes after: a reader's lock counts as a writer's. So a race between two who both hold the
// lock for reading is not found.

#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace {

// The same function in the library behind this program.
template <class Method>
Method Original(Method mine) {
  void* address = nullptr;
  // A pointer to a member that is not virtual begins with its address (Itanium C++ ABI).
  std::memcpy(&address, &mine, sizeof(address));
  Dl_info self = {};
  void* const found = dladdr(address, &self) != 0 && self.dli_saddr == address ? dlsym(RTLD_NEXT, self.dli_sname) : nullptr;
  if (found == nullptr) {
    std::fputs("tsan_absl_mutex: a function of absl::Mutex cannot be found behind this program; is it linked with -rdynamic?\n",
               stderr);
    std::abort();
  }
  std::memcpy(&mine, &found, sizeof(found));
  return mine;
}

/// The original lets go of the mutex, waits, and takes it again.
template <class Call>
auto AroundWait(void* mutex, Call call) {
  __tsan_release(mutex);
  const auto result = call();
  __tsan_acquire(mutex);
  return result;
}

}  // namespace

// Of ThreadSanitizer's runtime; declared by no header.
// NOLINTBEGIN(readability-identifier-naming)
extern "C" void AnnotateIgnoreReadsBegin(const char* file, int line);
extern "C" void AnnotateIgnoreReadsEnd(const char* file, int line);
// NOLINTEND(readability-identifier-naming)

#define ORIGINAL(method) static const auto original = Original(method)

namespace absl {
ABSL_NAMESPACE_BEGIN

void Mutex::Lock() {
  ORIGINAL(&Mutex::Lock);
  (this->*original)();
  __tsan_acquire(this);
}

void Mutex::Unlock() {
  ORIGINAL(&Mutex::Unlock);
  __tsan_release(this);
  (this->*original)();
}

bool Mutex::TryLock() {
  ORIGINAL(&Mutex::TryLock);
  const bool locked = (this->*original)();
  if (locked) __tsan_acquire(this);
  return locked;
}

void Mutex::ReaderLock() {
  ORIGINAL(&Mutex::ReaderLock);
  (this->*original)();
  __tsan_acquire(this);
}

void Mutex::ReaderUnlock() {
  ORIGINAL(&Mutex::ReaderUnlock);
  __tsan_release(this);
  (this->*original)();
}

bool Mutex::ReaderTryLock() {
  ORIGINAL(&Mutex::ReaderTryLock);
  const bool locked = (this->*original)();
  if (locked) __tsan_acquire(this);
  return locked;
}

// Conditions are also looked at by whoever unlocks, for those who wait: behind what Unlock says above. They are looked at with
// the lock held, so nothing is lost with these reads.
bool Condition::Eval() const {
  ORIGINAL(&Condition::Eval);
  AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
  const bool is_true = (this->*original)();
  AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
  return is_true;
}

void Mutex::Await(const Condition& condition) {
  ORIGINAL(&Mutex::Await);
  __tsan_release(this);
  (this->*original)(condition);
  __tsan_acquire(this);
}

bool Mutex::AwaitWithTimeout(const Condition& condition, Duration timeout) {
  ORIGINAL(&Mutex::AwaitWithTimeout);
  return AroundWait(this, [&] { return (this->*original)(condition, timeout); });
}

bool Mutex::AwaitWithDeadline(const Condition& condition, Time deadline) {
  ORIGINAL(&Mutex::AwaitWithDeadline);
  return AroundWait(this, [&] { return (this->*original)(condition, deadline); });
}

void Mutex::LockWhen(const Condition& condition) {
  ORIGINAL(&Mutex::LockWhen);
  (this->*original)(condition);
  __tsan_acquire(this);
}

void Mutex::ReaderLockWhen(const Condition& condition) {
  ORIGINAL(&Mutex::ReaderLockWhen);
  (this->*original)(condition);
  __tsan_acquire(this);
}

bool Mutex::LockWhenWithTimeout(const Condition& condition, Duration timeout) {
  ORIGINAL(&Mutex::LockWhenWithTimeout);
  const bool came = (this->*original)(condition, timeout);
  __tsan_acquire(this);
  return came;
}

bool Mutex::LockWhenWithDeadline(const Condition& condition, Time deadline) {
  ORIGINAL(&Mutex::LockWhenWithDeadline);
  const bool came = (this->*original)(condition, deadline);
  __tsan_acquire(this);
  return came;
}

void CondVar::Wait(Mutex* mutex) {
  ORIGINAL(&CondVar::Wait);
  __tsan_release(mutex);
  (this->*original)(mutex);
  __tsan_acquire(mutex);
}

bool CondVar::WaitWithTimeout(Mutex* mutex, Duration timeout) {
  ORIGINAL(&CondVar::WaitWithTimeout);
  return AroundWait(mutex, [&] { return (this->*original)(mutex, timeout); });
}

bool CondVar::WaitWithDeadline(Mutex* mutex, Time deadline) {
  ORIGINAL(&CondVar::WaitWithDeadline);
  return AroundWait(mutex, [&] { return (this->*original)(mutex, deadline); });
}

ABSL_NAMESPACE_END
}  // namespace absl
