// Queries that somebody listens to: run again on a thread of their own after commits, and compared
// with what they selected before. Who listens, and on which event loop, is Python's business
// (realmsync/model/live.py); which objects were written comes from realm/change_journal.hpp.
#pragma once

#include <pybind11/pybind11.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>

#include "base/process.hpp"
#include "bindings/realm/query.hpp"
#include "bindings/realm/realm_handle.hpp"
#include "model/list_changes.hpp"
#include "realm/change_journal.hpp"

namespace realmsync::bindings {

// The numbers of live queries that are to look, between those who commit and the threads that look.
class LiveQueue {
  public:
    void push(std::uint64_t number);
    std::uint64_t pop(); // blocks
  private:
    std::mutex mutex_;
    std::condition_variable arrived_;
    std::deque<std::uint64_t> numbers_;
};

class LiveQuery final : public realm::Follower, public std::enable_shared_from_this<LiveQuery> {
  public:
    // `by_key`: in the order of keys, not of creation.
    LiveQuery(std::shared_ptr<RealmHandle> handle, int cls, std::shared_ptr<CompiledQuery> query,
              std::shared_ptr<LiveQueue> queue, std::uint64_t number, bool by_key);
    ~LiveQuery() override;

    void begin(); // to follow; once
    // Has its number come out of the queue as soon as there is a version that it has not seen;
    // once.
    void arm();
    void on_change() override;
    void nudge() { on_change(); } // perhaps another process has written

    // With the GIL, by one thread at a time; the work is done without it. None when nothing has
    // changed or it is closed, else the selection and the changes since the last one.
    pybind11::object look();
    // Waits for a look under way, which ends soon. Idempotent; nothing in a forked child.
    void close();

  private:
    struct News {
        model::ListChanges changes;
        sqlite::DataState state;
        bool is_first;
    };
    std::optional<News> look_at(realm::RealmConnection& connection,
                                realm::ChangeJournal::Look& look);
    model::KeyList select(realm::RealmConnection& connection, const query::Query& query) const;

    const Origin origin_;
    const std::shared_ptr<CompiledQuery> query_;
    const std::shared_ptr<LiveQueue> queue_;
    const std::uint64_t number_;
    const int cls_;
    const bool by_key_;
    std::shared_ptr<RealmHandle> handle_; // with the GIL

    std::atomic<bool> is_closed_ = false;
    std::atomic<bool> is_armed_ = false;
    std::atomic<std::uint64_t> version_ = 0; // seen; 0: none

    std::mutex looking_;
    // Guarded by looking_:
    std::shared_ptr<realm::RealmFile> file_; // null: closed
    model::KeyList keys_;
};

void bind_live_query(pybind11::module_& m);

} // namespace realmsync::bindings
