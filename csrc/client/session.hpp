// The protocol session: the entity with a session ident that binds, uploads, downloads and marks
// (client-session.md 5 and 10, wire-protocol.md 11). It outlives bindings and sockets, and ends
// when it is deactivated. How a binding goes on is in binding.hpp, when waits are complete in
// completion.hpp; states the application sees are in sync_session.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/backoff.hpp"
#include "client/binding.hpp"
#include "client/completion.hpp"
#include "client/download_queue.hpp"
#include "client/event.hpp"
#include "client/failure.hpp"
#include "client/progress.hpp"
#include "client/situation.hpp"
#include "client/store_job.hpp"
#include "wire/message.hpp"
#include "wire/outgoing.hpp"

namespace realmsync::client {

class Connection;
struct Context;

// Who is told what becomes of a session: its sync session. Outlives it, and hears nothing but
// on_finished() after it has deactivated it, which it may do inside on_complete(), on_connection()
// and on_partition_left().
class SessionObserver {
  public:
    // Whether somebody looks at reports now: without, commits need not be counted one by one.
    virtual bool is_watching() const = 0;
    virtual void on_report(const Report& report) = 0;
    virtual void on_complete(Direction direction) = 0;
    // The connection as this session sees it, or an error, or both (4.2).
    virtual void on_connection(ConnectionState state, const Failure* failure) = 0;
    virtual void on_file_ident(std::uint64_t ident) = 0;
    virtual void on_route_verified() = 0;
    // What is known of the sets now; `is_first`: since the session was activated.
    virtual void on_subscriptions(const Subscriptions& subscriptions, bool is_first) = 0;
    // The file belonged to a partition until now, as the terms say.
    virtual void on_partition_left() = 0;
    virtual void on_reset_pending() = 0; // its file was reset, and the server does not know all yet
    virtual void on_submit() = 0;        // a job of its file
    virtual void on_finished() = 0;      // unbound, or never bound; destroyed soon

  protected:
    ~SessionObserver() = default;
};

// What is synchronised, and what for.
struct SessionTerms {
    wire::Mode mode = wire::Mode::partition;
    // As extended JSON. Of flexible sync empty, unless the application knows of the partition only:
    // the server has gone over to flexible sync since (flexible-sync.md 15).
    std::string partition = {};
    bool is_fresh_copy = false;  // of a client reset: uploads nothing
    bool is_after_reset = false; // that copy, or the session of the file that has become it
    // Of flexible sync: the application's version of the schema; and the one that the server serves
    // the file under, as long as that is another one (flexible-sync.md 16).
    std::uint64_t schema_version = 0;
    std::optional<std::uint64_t> served_schema_version = {};
};

class Session {
  public:
    Session(Connection& connection, SessionObserver& observer, std::uint64_t ident,
            std::uint64_t sync_session, SessionTerms terms);
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    std::uint64_t ident() const { return ident_; }
    std::uint64_t sync_session() const { return sync_session_; }
    Connection& connection() const { return connection_; }
    SessionObserver& observer() const { return observer_; }
    bool is_live() const { return life_ == Life::active; }
    bool is_deactivating() const { return life_ == Life::deactivating; }
    std::optional<std::int64_t> resume_time() const { return resume_at_; }

    // Reads the file; everything else follows from that.
    void activate();
    // UNBINDs if bound. It is finished now, or when the server has answered.
    void deactivate();
    // Ends a suspension: its timer has run out, or the application wants to reconnect.
    void resume();
    bool has_file_trouble() const { return trouble_.has_value(); }
    void describe(Situation& situation) const;

    void request_upload_wait();
    void request_download_wait();
    void request_state() { read_state(); } // the observer hears of it
    void on_commit(std::uint64_t version);
    void catch_up(); // reads the counters that nobody was watching until now

    // From the connection
    void on_connection_up(bool is_fast_reconnect);
    void on_connection_lost();
    void on_outcome(StoreResult result);
    // Received messages. What they return is the violation, if they are one.
    std::optional<Violation> receive(const wire::ServerIdent& message);
    std::optional<Violation> receive(const wire::Download& message);
    std::optional<Violation> receive(const wire::Mark& message);
    std::optional<Violation> receive(const wire::Unbound& message);
    std::optional<Violation> receive(const wire::QueryError& message);
    std::optional<Violation> receive_error(const Failure& failure);
    bool has_message() const;
    // The next message; call only if there is one.
    wire::Outgoing next_message();

    // Kept here for the connection: whether it is in the queue, and its part of the backlog.
    bool enlisted = false;
    std::uint64_t backlog = 0;

  private:
    enum class Life : std::uint8_t { active, suspended, deactivating };

    void begin_binding();
    void conclude_binding(); // if it is over: finishes, or begins the next one
    void enlist_if_ready();
    void submit(StoreTask task); // of the binding there is now
    void submit(StoreTask task, std::uint64_t binding);
    void read_state();
    void set_state(const ClientState& state);
    void advance(); // after the state has been read: tells of it, and goes on
    void report();  // then upload completion: the order of 5.3
    void check_downloads();
    void finish_downloads();
    bool may_upload() const;
    bool is_to_be_announced() const;
    void fetch();

    // Flexible sync: session_flexible.cpp.
    bool is_flexible() const { return terms_.mode == wire::Mode::flexible; }
    void resume_bootstrap();
    void read_query(); // the active one, when IDENT is due
    bool knows_query() const;
    bool has_unsent_query() const;
    bool has_left_partition() const;
    bool is_behind_sentinel() const;
    DownloadPhase phase() const; // of either mode
    bool complete_set();         // whether one is completed, which takes a while
    void place_in_bootstrap(const wire::Download& message, ReceivedDownload& download);
    void on_query_read(PendingQuery query);
    void on_sets_changed(const ClientState& state, StoreWork work);
    std::string bind_data();
    wire::Outgoing take_query(const PendingQuery& query);

    void on_fetched(PendingUpload upload);
    void on_integrated(const ClientState& state);
    void on_integration_failed(const IntegrationFailed& failed);
    void report_reverted(); // what the file has by now
    void on_too_large(const TooLarge& too_large);
    void on_store_failed(const StoreFailed& failed, StoreWork work);
    void on_stored(StoreWork work);
    void on_integration_over(); // whatever came of it
    void integrate_next();
    void suspend(const Failure& failure);

    wire::Outgoing take_bind();
    wire::Outgoing take_ident();
    wire::Outgoing take_client_error();
    wire::Outgoing take_outgoing();
    wire::Outgoing take_unbind();

    Connection& connection_;
    Context& context_;
    SessionObserver& observer_;
    const std::uint64_t ident_, sync_session_;
    SessionTerms terms_;

    Life life_ = Life::active;
    Binding binding_;
    std::optional<ClientState> state_; // as last read or stored
    std::uint64_t newest_version_ = 0; // local version, as far as is known
    bool upload_delayed_ = true;       // download before upload (10.3)

    DownloadQueue downloads_;
    bool reading_ = false, read_again_ = false, read_failed_ = false;
    std::optional<StoreWork> trouble_; // has been told, and has not worked since
    bool counters_stale_ = false;      // commits have not been read, as nobody was watching
    UploadCompletion upload_completion_;
    DownloadCompletion download_completion_;
    Reporter reporter_;

    PendingQuery query_{-1, {}}; // the active one, as it was read last
    bool is_reading_query_ = false;
    bool has_received_query_ = false; // data of a version other than 0
    bool is_completing_ = false;      // waits for a set to be complete in the file
    bool is_incomplete_ = false;      // that could not be stored

    std::vector<Failure> reverted_; // told when the changeset that reverts is integrated (12.8)

    Backoff resume_backoff_;
    std::optional<std::int64_t> resume_at_;
    std::string suspended_by_; // what the error said
};

} // namespace realmsync::client
