// What this process's commits have touched since its followers last looked, version by version:
// the history of the file cannot tell, since what a server sends is applied and not kept. Written
// while somebody follows, and no longer than the slowest follower needs it; versions that all of
// them will take together become one entry, so that a thousand commits that nobody looks at cost no
// more than the objects that they touched. Versions that other processes have committed are not in
// it: what their local commits touched is read from the file's history, of others nobody knows.
//
// Threads: any; writers record in their turn.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "realm/touched_objects.hpp"
#include "sqlite/sqlite.hpp"

namespace realmsync::realm {

// Told that there is a new version to read, on the committing thread, which has the writer's turn:
// nobody may wait for anything here.
class Follower {
  public:
    virtual ~Follower() = default;
    virtual void on_change() = 0;
};

class ChangeJournal {
  public:
    using Collect = std::function<void(TouchedObjects&)>;

    // Around a commit, which `commit` makes: whoever begins to follow meanwhile waits for its end.
    // `collect` says what was touched, and is asked only if somebody follows.
    void commit(std::uint64_t version, const Collect& collect, const std::function<void()>& commit);
    void announce(std::uint64_t version); // it can be read; tells the followers

    // A follower sees nothing at first, and is told of what comes.
    void follow(const std::shared_ptr<Follower>& follower,
                TouchedObjects::Detail detail = TouchedObjects::Detail::objects);
    void leave(const Follower& follower); // it has begun to go, too
    std::uint64_t announced() const;

    // Around the look of a follower at a snapshot.
    class Look {
      public:
        Look(ChangeJournal& journal, const Follower& follower);
        ~Look();
        Look(const Look&) = delete;
        // What versions after `after` have touched, up to that of the snapshot.
        TouchedObjects between(sqlite::Database& snapshot, std::uint64_t after,
                               std::uint64_t through) const;
        // The follower needs nothing up to this version any more.
        void arrive(std::uint64_t version);

      private:
        ChangeJournal& journal_;
        const Follower& follower_;
    };

  private:
    struct Entry {
        std::uint64_t first, last; // versions
        std::shared_ptr<TouchedObjects> touched;
    };
    struct Place {
        std::weak_ptr<Follower> follower;
        TouchedObjects::Detail detail = TouchedObjects::Detail::objects;
        std::uint64_t version = 0; // that it has seen
    };

    void record(std::uint64_t version, std::shared_ptr<TouchedObjects> touched);
    void trim();
    void join();

    mutable std::mutex mutex_;
    std::mutex unrecorded_; // held by a commit that nobody followed when it began
    // Guarded by mutex_:
    std::deque<Entry> log_; // ascending
    std::map<const Follower*, Place> followers_;
    std::uint64_t announced_ = 0;
    std::size_t join_at_ = 0; // entries
    int looks_ = 0;           // under way
};

} // namespace realmsync::realm
