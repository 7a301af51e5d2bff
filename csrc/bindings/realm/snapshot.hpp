// Reads of a realm that may be long: without the GIL, of one version of the data, and Ctrl-C ends
// them.
#pragma once

#include <Python.h>

#include <chrono>
#include <optional>
#include <utility>

#include "bindings/realm/realm_handle.hpp"
#include "bindings/values/without_gil.hpp"
#include "sqlite/sqlite.hpp"

namespace realmsync::bindings {

// What may end a query that runs on this thread without the GIL: a handler of a signal that raises.
// Only the main thread runs handlers.
class Signals {
  public:
    Signals() : is_main_(PyThread_get_thread_ident() == main_thread()) {}

    // Without the GIL; false after an error, which raise() then raises.
    bool check() noexcept {
        if (!is_main_ || Clock::now() < next_)
            return true;
        const PyGILState_STATE state = PyGILState_Ensure();
        const bool is_quiet = PyErr_CheckSignals() == 0;
        if (!is_quiet)
            PyErr_Fetch(&type_, &value_, &trace_);
        PyGILState_Release(state);
        next_ = Clock::now() + kSlice;
        return is_quiet;
    }
    void raise() { // if there is something
        if (type_ == nullptr)
            return;
        PyErr_Restore(std::exchange(type_, nullptr), value_, trace_);
        throw pybind11::error_already_set();
    }

  private:
    using Clock = std::chrono::steady_clock;
    static constexpr std::chrono::milliseconds kSlice{50}; // between two looks

    static unsigned long main_thread() {
        static const auto ident = pybind11::module_::import("threading")
                                      .attr("main_thread")()
                                      .attr("ident")
                                      .cast<unsigned long>();
        return ident;
    }

    bool is_main_;
    Clock::time_point next_ = Clock::now() + kSlice;
    PyObject *type_ = nullptr, *value_ = nullptr, *trace_ = nullptr;
};

// Runs use(connection, resolved) without the GIL, on the transaction's connection or in a snapshot
// of the reader's; it may be long.
template <class Use> auto RealmHandle::with_snapshot(Use use) {
    using Result =
        decltype(use(std::declval<realm::RealmConnection&>(), std::declval<const Resolved&>()));
    require_usable();
    std::optional<Result> result;
    Signals signals;
    auto run = [&](realm::RealmConnection& c, const Resolved& resolved) {
        const sqlite::Interruption interruption(c.db, [&] { return signals.check(); });
        result = use(c, resolved);
    };
    try {
        if (in_transaction()) {
            const Resolved& resolved = writing_schema();
            realm::RealmConnection& connection = transaction_->connection();
            // Nobody may close the realm meanwhile.
            ++changing_;
            struct Done {
                int& changing;
                ~Done() { --changing; }
            } done{changing_};
            WithoutGil release;
            run(connection, resolved);
        } else {
            WithoutGil release;
            file_->read([&](realm::RealmConnection& c) {
                sqlite::Transaction snapshot(c.db, sqlite::Transaction::Mode::read);
                run(c, resolve(reader_, c.tables.schema()));
                snapshot.commit();
            });
        }
    } catch (const StoreError&) {
        signals.raise();
        throw;
    }
    return std::move(*result);
}

} // namespace realmsync::bindings
