// Errors of the core as Python exceptions: raising them, and taking results apart. Which class
// stands for which error is in errors.cpp; exceptions that only Python's side knows are raised by
// raise_python (convert.hpp).
#pragma once

#include <string_view>

#include "base/error.hpp"
#include "query/operators.hpp"

namespace realmsync::bindings {

// Raises the Python exception for an error value. Call with the GIL.
[[noreturn]] void throw_python(const Error& error);

// Raises the QueryError of a fault in a query's text. Call with the GIL.
[[noreturn]] void throw_python(const query::QueryFault& fault, std::string_view text);

template <class T> T unwrap(Result<T> result) {
    if (!result)
        throw_python(result.error());
    return std::move(result.value());
}

} // namespace realmsync::bindings
