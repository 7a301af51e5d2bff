#include "base/process.hpp"

#include <pthread.h>

namespace realmsync {

namespace {

[[maybe_unused]] const int registered = pthread_atfork(nullptr, nullptr, Origin::note_fork);

} // namespace

} // namespace realmsync
