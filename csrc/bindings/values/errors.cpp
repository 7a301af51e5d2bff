// Error values and exceptions of the core to Python exceptions: the only place that knows both.
#include <pybind11/pybind11.h>

#include <algorithm>
#include <system_error>

#include "base/error.hpp"
#include "bindings/bind.hpp"
#include "bindings/values/errors.hpp"
#include "sqlite/sqlite.hpp"
#include "wire/error_code.hpp"

namespace py = pybind11;

namespace realmsync::bindings {

namespace {

py::object exception_class(ErrorKind kind) {
    const char* name = "RealmError";
    switch (kind) {
    case ErrorKind::bad_changeset: name = "BadChangesetError"; break;
    case ErrorKind::transform: name = "TransformError"; break;
    case ErrorKind::schema: name = "SchemaMismatchError"; break;
    case ErrorKind::bad_progress: name = "BadProgressError"; break;
    case ErrorKind::bad_message:
    case ErrorKind::unknown_message:
    case ErrorKind::bad_compression:
    case ErrorKind::bad_entry_header:
    case ErrorKind::bad_entry_size: name = "BadMessageError"; break;
    case ErrorKind::bad_partition: name = "BadPartitionValueError"; break;
    case ErrorKind::invalid_database: name = "InvalidDatabaseError"; break;
    case ErrorKind::object_exists: name = "ObjectAlreadyExistsError"; break;
    case ErrorKind::invalidated_object: name = "InvalidatedObjectError"; break;
    case ErrorKind::stale_accessor: name = "StaleAccessorError"; break;
    case ErrorKind::out_of_bounds: name = "OutOfBoundsError"; break;
    case ErrorKind::illegal_operation: name = "IllegalOperationError"; break;
    case ErrorKind::limit_exceeded: name = "LimitExceededError"; break;
    }
    return py::module_::import("realmsync.errors").attr(name);
}

const char* query_error(query::FaultKind kind) {
    switch (kind) {
    case query::FaultKind::syntax: return "QuerySyntaxError";
    case query::FaultKind::invalid_query: return "InvalidQueryError";
    case query::FaultKind::invalid_argument: return "InvalidQueryArgumentError";
    case query::FaultKind::limit: return "QueryLimitError";
    }
    return "QueryError";
}

} // namespace

void throw_python(const Error& error) {
    py::object cls = exception_class(error.kind);
    py::object exception = cls(error.message);
    exception.attr("offset") =
        error.offset < 0 ? py::object(py::none()) : py::object(py::int_(error.offset));
    if (py::hasattr(cls, "protocol_code"))
        exception.attr("protocol_code") = static_cast<int>(wire::protocol_code(error));
    PyErr_SetObject(cls.ptr(), exception.ptr());
    throw py::error_already_set();
}

void throw_python(const query::QueryFault& fault, std::string_view text) {
    py::object position = py::none();
    if (fault.position() <= text.size()) { // counted in characters, of which these bytes begin one
        std::string_view before = text.substr(0, fault.position());
        position =
            py::int_(std::ranges::count_if(before, [](char c) { return (c & 0xC0) != 0x80; }));
    }
    py::object cls = py::module_::import("realmsync.errors").attr(query_error(fault.kind()));
    // A text that is not UTF-8 is such a fault.
    auto shown = py::reinterpret_steal<py::object>(
        PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace"));
    py::object exception = cls(fault.what(), position, shown);
    PyErr_SetObject(cls.ptr(), exception.ptr());
    throw py::error_already_set();
}

void bind_errors(py::module_&) {
    py::register_exception_translator([](std::exception_ptr pointer) {
        try {
            if (pointer)
                std::rethrow_exception(pointer);
        } catch (const ErrorException& e) {
            try {
                throw_python(e.error());
            } catch (py::error_already_set& set) {
                set.restore();
            }
        } catch (const StoreError& e) {
            py::object cls = py::module_::import("realmsync.errors").attr("StorageError");
            py::object exception = cls(e.what());
            exception.attr("sqlite_code") = e.code();
            PyErr_SetObject(cls.ptr(), exception.ptr());
        } catch (const std::system_error& e) { // of files and locks that SQLite does not see
            const bool is_there = e.code() == std::errc::file_exists;
            py::object cls = py::module_::import("realmsync.errors")
                                 .attr(is_there ? "FileAlreadyExistsError" : "StorageError");
            py::object exception = cls(e.what());
            exception.attr("errno") = e.code().value();
            PyErr_SetObject(cls.ptr(), exception.ptr());
        }
    });
}

} // namespace realmsync::bindings
