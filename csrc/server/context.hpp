// What connections and sessions share: settings, time, chance, the outgoing jobs and events, the
// partitions, the accounting of uploads. One per server engine.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "server/app_settings.hpp"
#include "server/bootstrap_turns.hpp"
#include "server/event.hpp"
#include "server/job.hpp"
#include "server/page_memory.hpp"
#include "server/partition.hpp"
#include "server/upload_backlog.hpp"
#include "server/view_memory.hpp"
#include "tuning.hpp"

namespace realmsync::server {

class Connection;
class Session;

struct Context {
    Context(const ServerTuning& settings, std::uint64_t seed, bool asks)
        : tuning(settings), asks_permission(asks), random(seed),
          backlog(settings.user_backlog_bytes, settings.process_backlog_bytes),
          page_memory(settings.page_memory_bytes),
          bootstrap_turns(settings.bootstraps, settings.bootstrap_turn_ms) {}

    const ServerTuning tuning;
    const bool asks_permission; // at each BIND; else everybody may write
    std::mt19937_64 random;
    std::int64_t now = 0; // ms, of the call that is running
    std::vector<Job> jobs;
    std::vector<Event> events;
    Stats stats;
    PartitionDirectory partitions;
    std::unordered_map<Flow, std::size_t> sessions_of; // users who have some, of any state
    std::uint64_t visits = 0; // of sessions, by what looks at all of a connection
    UploadBacklog backlog;
    PageMemory page_memory;
    ViewMemory view_memory;
    BootstrapTurns bootstrap_turns;
    std::unordered_map<ConnectionId, std::unique_ptr<Connection>> connections;
    ConnectionId next_connection = 1;
    std::uint64_t next_binding = 1;
    std::uint64_t next_question = 1;
    std::unordered_map<std::string, std::uint32_t> apps; // their numbers
    std::deque<AppSettings> app_settings;                // by these
    std::vector<ConnectionId> ended;                     // failed or dropped in this call
    std::vector<ConnectionId> paused;
    std::optional<std::int64_t> next_timer;
    // Apps whose client files are being reset: nobody is bound meanwhile. What does it, and when.
    std::unordered_set<std::uint32_t> resetting;
    std::vector<std::pair<std::int64_t, Administer>> announced;
    std::uint64_t next_task = 1;
    // Sessions that have put progress off, and when it is to be stored, ascending.
    std::deque<std::pair<std::int64_t, SessionRef>> progress_due;
    std::size_t writer_jobs_in_flight = 0;
    std::size_t unacknowledged_sessions = 0;
    bool draining = false; // shutdown: nothing new is accepted
    std::optional<std::int64_t> drain_until;

    std::uint32_t number_of(const std::string& app_id);
    const AppSettings& settings_of(const Owner& owner) const { return app_settings[owner.app]; }
    Connection* connection(ConnectionId id);
    Session* session(const SessionRef& ref); // nullptr when that binding is over
    void submit(WriterJob job, const Connection& of);
    void submit(Administer job);
    void submit(FetchPage job, const Connection& of);
    void log(LogLevel level, std::string text) { events.push_back(Log{level, std::move(text)}); }
    void wake_at(std::int64_t time);
    // Lets the progress go that is due until `time`.
    void release_progress(std::int64_t time);
    // Accounts for an accepted upload; may pause or end the connection.
    void charge(Connection& connection, std::uint64_t bytes);
    void discharge(Flow user, std::uint64_t bytes);
    // Takes pages from those who hold most while there are too many.
    void bound_page_memory();
    // Ends sessions of those who hold most views while there are too many.
    void bound_view_memory();
    // Whose turn it is now to be brought to a view, where a place has become free.
    void begin_bootstrap_turns();
    void end_bootstrap_turns(); // those that are over
    void forget_if_idle(Partition& partition);

  private:
    void resume_readers();
};

} // namespace realmsync::server
