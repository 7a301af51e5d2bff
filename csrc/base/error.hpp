// Who may fail how. The peer's and the application's mistakes are values; exceptions are left to
// failures of the machine (a full disk) and to defects.
//
//   who fails                        as what                     who answers
//   bytes that are no changeset,     Result<T> with an Error     the engine or job that read them
//     message or partition
//   the same, many steps deep        ErrorException              the function that began the steps,
//                                                                with a Result or a Refusal
//   the application, at a write      ErrorException              bindings/values/errors.cpp
//   the machine, under a store       StoreError                  the job (StoreFailed in client/,
//                                                                JobFailed in server/) or bindings
//   a server, against the protocol   client::Violation           the client ends the connection
//   a DOWNLOAD not to be integrated  client::IntegrationFailed   the client's session tells it
//   a client, against the protocol   wire::Code, server::Refusal the server ends session or
//                                                                connection, in-band
//   whatever an application hears    client::Failure             the sync session
//
// No ErrorException crosses the ports client/store.hpp and server/store.hpp. Mapping to Python
// lives in bindings/values/errors.cpp.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>

namespace realmsync {

enum class ErrorKind : std::uint8_t {
    bad_changeset, // bytes that are no changeset, or one that cannot be applied
    transform,     // concurrent changes that contradict each other
    schema,        // a schema change that contradicts the existing schema
    bad_progress,  // cursors that contradict what is stored
    // Bytes that are no protocol message, by the answer they get (wire/error_code.hpp):
    bad_message,      // 103: head, sizes, JSON
    unknown_message,  // 102: no such type word
    bad_compression,  // 110: a body that does not inflate as declared
    bad_entry_header, // 111: a changeset header inside a body
    bad_entry_size,   // 112: a changeset that does not fit its body
    bad_partition,    // 204: BIND data that are no partition value
    // Of local writes and reads:
    invalid_database,   // a file that is no realm
    object_exists,      // a primary key that is taken
    invalidated_object, // an object that has been deleted
    stale_accessor,     // a collection that another value has replaced
    out_of_bounds,      // a list index
    illegal_operation,  // what the kind of object or value does not have
    limit_exceeded,     // a value larger than the storage takes
};

struct Error {
    ErrorKind kind;
    std::string message;
    std::int64_t offset = -1; // byte position in the input, -1 where it has none
};

// A value or an Error. Smaller than std::expected (C++23), same idea.
template <class T> class [[nodiscard]] Result {
  public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    explicit operator bool() const { return state_.index() == 0; }
    T& value() { return std::get<0>(state_); }
    const T& value() const { return std::get<0>(state_); }
    T& operator*() { return value(); }
    T* operator->() { return &value(); }
    Error& error() { return std::get<1>(state_); }
    const Error& error() const { return std::get<1>(state_); }

  private:
    std::variant<T, Error> state_;
};

// Carries an Error through code that would otherwise test every step (apply, store). Caught where a
// changeset or a job ends (realm/integrate.cpp, partitions/append.cpp, client/store_job.cpp), and
// for Python in bindings/values/errors.cpp.
class ErrorException : public std::runtime_error {
  public:
    explicit ErrorException(Error error)
        : std::runtime_error(error.message), error_(std::move(error)) {}
    const Error& error() const { return error_; }

  private:
    Error error_;
};

template <class T> T value_or_throw(Result<T> result) {
    if (!result)
        throw ErrorException(std::move(result.error()));
    return std::move(result.value());
}

[[noreturn]] inline void raise(ErrorKind kind, std::string message, std::int64_t offset = -1) {
    throw ErrorException(Error{kind, std::move(message), offset});
}

// What a store reports of itself. The numbers are SQLite's primary result codes, which users see in
// StorageError.sqlite_code; a store of another make uses the same ones.
enum class StoreFault : int { other = 1, busy = 5, corrupt = 11, full = 13, no_database = 26 };

// Failure of the machine or misuse: a store that cannot be read or written.
class StoreError : public std::runtime_error {
  public:
    StoreError(int code, const std::string& message) : std::runtime_error(message), code_(code) {}
    StoreError(StoreFault fault, const std::string& message)
        : StoreError(static_cast<int>(fault), message) {}
    int code() const { return code_; } // extended result code, e.g. SQLITE_BUSY_SNAPSHOT
    bool is(StoreFault fault) const { return primary() == static_cast<int>(fault); }
    // Whether the file itself is broken.
    bool is_damage() const { return is(StoreFault::corrupt) || is(StoreFault::no_database); }
    bool is_full() const { return is(StoreFault::full) || code_ == (10 | 19 << 8); } // SHMSIZE
    // Whether the medium fails or has failed, so that nobody knows what is stored.
    bool is_medium() const {
        if (code_ == (10 | 12 << 8)) // IOERR_NOMEM
            return false;
        return is_damage() || primary() == 8 || primary() == 10 || primary() == 14;
    }
    // Whether another try may succeed: space, locks, rights, memory and media come back.
    bool may_pass() const {
        switch (primary()) {
        case 3:  // PERM
        case 5:  // BUSY
        case 6:  // LOCKED
        case 7:  // NOMEM
        case 8:  // READONLY
        case 9:  // INTERRUPT
        case 10: // IOERR
        case 13: // FULL
        case 14: // CANTOPEN
        case 15: // PROTOCOL
            return true;
        default: return false;
        }
    }

  private:
    int primary() const { return code_ & 0xff; }

    int code_;
};

// For what a store wrote itself and cannot have written so.
[[noreturn]] inline void corrupt(const std::string& what) {
    throw StoreError(StoreFault::corrupt, what);
}

} // namespace realmsync
