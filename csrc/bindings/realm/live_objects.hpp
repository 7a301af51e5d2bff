// The observed objects of one realm (realm/observed_objects.hpp), looked at on a thread of their
// own after commits, all together: a commit costs what it touches, however many are observed. Who
// listens, and on which event loop, is Python's business (realmsync/model/live_objects.py).
#pragma once

#include <pybind11/pybind11.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/process.hpp"
#include "bindings/realm/live_query.hpp"
#include "bindings/realm/realm_handle.hpp"
#include "realm/observed_objects.hpp"

namespace realmsync::bindings {

class LiveObjects final : public realm::Follower, public std::enable_shared_from_this<LiveObjects> {
  public:
    LiveObjects(std::shared_ptr<RealmHandle> handle, std::shared_ptr<LiveQueue> queue,
                std::uint64_t number);
    ~LiveObjects() override;

    void begin(); // to follow; once
    void add(std::uint64_t observer, int cls, const pybind11::object& key);
    void remove(std::uint64_t observer);
    void on_change() override;

    // When the number has come out of the queue, with the GIL; the work is done without it. Tuples:
    // the observer, whether it is the first time, whether the object is gone, what has changed.
    // The number does not come again before finish(), so that news are told in their order.
    pybind11::list look();
    void finish();
    // Waits for a look under way, which ends soon. Idempotent; nothing in a forked child.
    void close();

  private:
    using News = std::vector<realm::ObservedObjects::News>;
    struct Wish { // to observe an object, or to stop it
        std::uint64_t observer;
        std::string cls; // empty: stop
        model::ObjectKey key;
    };
    void wish(Wish wish);
    News look_at(realm::RealmConnection& connection, realm::ChangeJournal::Look& look);

    const Origin origin_;
    const std::shared_ptr<LiveQueue> queue_;
    const std::uint64_t number_;
    std::shared_ptr<RealmHandle> handle_; // with the GIL

    std::atomic<bool> is_closed_ = false;
    std::atomic<std::uint64_t> calls_ = 0; // of on_change(), not answered by a look yet
    std::uint64_t answering_ = 0;          // by the look under way

    std::mutex mutex_; // never held for long: the event loop waits for it
    // Guarded by mutex_:
    std::shared_ptr<realm::RealmFile> file_; // null: closed
    std::vector<Wish> wishes_;               // since the last look

    std::mutex looking_;
    // Guarded by looking_:
    std::uint64_t version_ = 0; // seen; 0: none
    realm::ObservedObjects observed_;
};

void bind_live_objects(pybind11::module_& m);

} // namespace realmsync::bindings
