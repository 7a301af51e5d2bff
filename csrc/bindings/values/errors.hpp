#pragma once

#include "base/error.hpp"

namespace realmsync::bindings {

// Raises the Python exception for an error value. Call with the GIL.
[[noreturn]] void throw_python(const Error& error);

template <class T> T unwrap(Result<T> result) {
    if (!result)
        throw_python(result.error());
    return std::move(result.value());
}

} // namespace realmsync::bindings
