// Which sessions of flexible sync are being brought to a view, and who is next. How many at once is
// limited; while others wait, each has a turn and then gives way, with what it has found so far.
// Users take turns, whatever number of sessions they have. What a session does in its turn is
// session_queries.cpp's, how much memory it may hold page_memory.hpp's.
// Specification: flexible-sync.md 17.5 (concurrency limit), 17.10.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>

#include "server/job.hpp"

namespace realmsync::server {

// All calls: O(log of the sessions that have a turn or wait for one).
class BootstrapTurns {
  public:
    BootstrapTurns(std::size_t places, std::int64_t turn_ms) : places_(places), turn_ms_(turn_ms) {}

    bool has_waiting() const { return !users_.empty(); }
    // Whether the session has its turn, from now on or still; else it waits, and next() names it
    // when it is due.
    bool take(const SessionRef& session, Flow user, std::int64_t now) {
        if (since_.contains(session.binding))
            return true;
        if (is_free() && !has_waiting()) {
            begin(session, now);
            return true;
        }
        if (tickets_.try_emplace(session.binding, next_ticket_).second) {
            Waiting& waiting = waiting_[user];
            if (waiting.sessions.empty())
                line_up(user, waiting);
            waiting.sessions.emplace(next_ticket_++, session);
        }
        return false;
    }
    // It needs no turn any more, or not now.
    void leave(const SessionRef& session, Flow user) {
        if (const auto holder = since_.find(session.binding); holder != since_.end()) {
            holders_.erase({holder->second, session.binding});
            since_.erase(holder);
        }
        if (const auto ticket = tickets_.find(session.binding); ticket != tickets_.end()) {
            Waiting& waiting = waiting_.at(user);
            waiting.sessions.erase(ticket->second);
            tickets_.erase(ticket);
            if (waiting.sessions.empty()) {
                users_.erase(waiting.place);
                waiting_.erase(user);
            }
        }
    }
    // Who has a turn from now on; nothing: nobody waits, or there is no place.
    std::optional<SessionRef> next(std::int64_t now) {
        if (!is_free() || !has_waiting())
            return std::nullopt;
        const Flow user = users_.begin()->second;
        Waiting& waiting = waiting_.at(user);
        const SessionRef session = waiting.sessions.begin()->second;
        users_.erase(users_.begin());
        line_up(user, waiting);
        leave(session, user);
        begin(session, now);
        return session;
    }
    // When the first turn has to end; nothing: none has to.
    std::optional<std::int64_t> end() const {
        if (!has_waiting() || holders_.empty())
            return std::nullopt;
        return holders_.begin()->first.first + turn_ms_;
    }
    // Whose turn that is.
    std::optional<SessionRef> over(std::int64_t now) const {
        const auto due = end();
        return due && *due <= now ? std::optional(holders_.begin()->second) : std::nullopt;
    }

  private:
    struct Waiting { // of one user
        std::uint64_t place = 0;
        std::map<std::uint64_t, SessionRef> sessions; // by their tickets
    };

    bool is_free() const { return holders_.size() < places_; }
    void begin(const SessionRef& session, std::int64_t now) {
        since_.emplace(session.binding, now);
        holders_.emplace(std::pair(now, session.binding), session);
    }
    void line_up(Flow user, Waiting& waiting) {
        waiting.place = next_place_++;
        users_.emplace(waiting.place, user);
    }

    const std::size_t places_;
    const std::int64_t turn_ms_;
    std::unordered_map<std::uint64_t, std::int64_t> since_; // in ms, by binding: who has a turn
    std::map<std::pair<std::int64_t, std::uint64_t>, SessionRef> holders_;
    std::unordered_map<std::uint64_t, std::uint64_t> tickets_; // by binding: who waits
    std::unordered_map<Flow, Waiting> waiting_;
    std::map<std::uint64_t, Flow> users_; // with sessions that wait, by their places in the line
    std::uint64_t next_ticket_ = 0, next_place_ = 0;
};

} // namespace realmsync::server
