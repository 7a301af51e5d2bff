// Partitions as the engine sees them: the exposed head, the sessions to wake when it rises, which
// session holds which client file, the backlog of uploads (server-behaviour.md 2.1, 6.6, 7.6). What
// a partition contains is the store's business.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "server/audience.hpp"
#include "server/job.hpp"
#include "views/view_index.hpp"

namespace realmsync::server {

class Session;

// Who may upload as a client file. While binds of it are on their way to the store, the uploads of
// its present holder are held back: the newcomer's threshold will not count them.
struct FileClaim {
    Session* holder = nullptr;
    std::size_t binds_in_flight = 0;
};

struct Partition {
    std::uint64_t handle = 0;
    std::string app_id;
    std::string key;
    PartitionId id = 0; // 0: not opened yet
    bool is_opening = false;
    bool is_retired = false; // its history has begun anew: whoever comes finds another one
    std::uint64_t head = 0;
    std::map<std::uint64_t, Session*> sessions;         // attached ones, by binding
    std::unordered_map<std::uint64_t, FileClaim> files; // by ident
    std::size_t jobs_in_flight = 0;
    // Flexible sync: up to which version it is known whom each concerns, the sessions by their
    // views, and those that wait for more to be known.
    std::uint64_t settled = 0;
    std::unordered_map<const views::ViewGroup*, Audience> audiences;
    std::unordered_set<Session*> unsettled;

    bool is_open() const { return id != 0; }
    bool is_idle() const { return sessions.empty() && files.empty() && jobs_in_flight == 0; }
    bool is_flexible() const { return key == kFlexibleLog; }
    // A version that the store has committed: wakes the sessions that have not been sent it, in
    // partition sync.
    void expose(std::uint64_t version);
    // What the writer says of it, in the order of the versions: wakes whom it concerns.
    void settle(std::uint64_t version, const std::vector<Concern>& concerns = {});
    void settle_for_all(std::uint64_t version);
    // A session is shown what the group is, from the settled version on; and not any more.
    void join(const views::ViewGroup& group, Session& session);
    void leave(const views::ViewGroup& group, Session& session);
    // A bind of the file has come back from the store.
    FileClaim& end_bind(std::uint64_t file_ident);
    // Forgets the claim when nobody needs it.
    void tidy(std::uint64_t file_ident);

  private:
    void visit(std::uint64_t versions);
    std::uint64_t visited_ = 0;   // binding of the session that was visited last
    std::uint64_t unvisited_ = 0; // versions by sessions that have not led to a visit yet
};

class PartitionDirectory {
  public:
    Partition& find_or_add(std::string_view app_id, std::string_view key);
    Partition* find(std::uint64_t handle);
    // Those of an app that are found, but not what `use` adds.
    template <class F> void for_each_of(std::string_view app_id, const F& use) {
        std::vector<Partition*> of_app;
        for (auto found = by_key_.lower_bound({std::string(app_id), {}});
             found != by_key_.end() && found->first.first == app_id; ++found)
            of_app.push_back(found->second);
        for (Partition* partition : of_app)
            use(*partition);
    }
    // Is found no more, but by its handle.
    void retire(Partition& partition);
    // Forgets a partition that is idle; the store keeps it.
    void evict(Partition& partition);
    std::size_t size() const { return by_handle_.size(); }

  private:
    std::uint64_t next_handle_ = 1;
    std::unordered_map<std::uint64_t, std::unique_ptr<Partition>> by_handle_;
    std::map<std::pair<std::string, std::string>, Partition*> by_key_;
};

} // namespace realmsync::server
