// The protocol session: the entity with a session ident that binds, uploads, downloads and marks
// (client-session.md 5 and 10, wire-protocol.md 11). It outlives bindings and connections, and ends
// when it is deactivated. States the application sees are in sync_session.hpp.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/backoff.hpp"
#include "client/failure.hpp"
#include "client/progress.hpp"
#include "client/store_job.hpp"
#include "wire/message.hpp"

namespace realmsync::client {

class Session;

// What a session wants of its surroundings: the connection for sending, the client for the rest.
class SessionHost {
  public:
    virtual void wants_to_send(Session& session) = 0;
    virtual void post(Session& session, StoreTask task) = 0;
    // Whether somebody looks at reports now: without, commits need not be counted one by one.
    virtual bool watched(Session& session) = 0;
    virtual void reported(Session& session, const Report& report) = 0;
    virtual void uploads_complete(Session& session) = 0;
    virtual void downloads_complete(Session& session) = 0;
    // Suspended by an ERROR: disconnected as far as the application can see.
    virtual void suspended(Session& session, const Failure& failure) = 0;
    virtual void resumed(Session& session) = 0;
    // Something to report that leaves the session as it is.
    virtual void noticed(Session& session, const Failure& failure) = 0;
    virtual void violated(Session& session, std::string message) = 0;
    // Deactivated for good. The session may be destroyed by this call.
    virtual void finished(Session& session) = 0;
    virtual void resume_timer_changed(Session& session) = 0;
    virtual Random& random() = 0;
    virtual std::int64_t now() const = 0;

  protected:
    ~SessionHost() = default;
};

class Session {
  public:
    // `partition` is the value as extended JSON.
    Session(SessionHost& host, const ClientTuning& tuning, std::uint64_t ident,
            std::uint64_t sync_session, std::string partition);

    std::uint64_t ident() const { return ident_; }
    std::uint64_t sync_session() const { return sync_session_; }
    std::uint64_t binding() const { return binding_; }
    bool deactivating() const { return deactivating_; }
    bool suspended() const { return suspended_; }
    bool live() const { return !deactivating_ && !suspended_; }
    std::int64_t resume_at() const { return resume_at_; } // -1: no timer
    const std::optional<ClientState>& state() const { return state_; }

    // Reads the file; everything else follows from that.
    void activate();
    void connection_up(bool fast_reconnect);
    // Only bindings end with a connection. A deactivating session is finished by it.
    void connection_lost();
    // UNBINDs if bound. Calls finished(), now or when the server has answered.
    void deactivate();
    // Ends a suspension: its timer has run out, or the application wants to reconnect.
    void resume();

    void request_upload_wait();
    void request_download_wait();
    void committed(std::uint64_t version);
    void catch_up(); // reads the counters that nobody was watching until now
    void done(StoreResult result);

    // Received messages. What they return is the violation, if they are one.
    std::optional<std::string> receive(const wire::ServerIdent& message);
    std::optional<std::string> receive(const wire::Download& message);
    std::optional<std::string> receive(const wire::Mark& message);
    std::optional<std::string> receive(const wire::Unbound& message);
    std::optional<std::string> receive_error(const Failure& failure);

    bool has_message() const;
    // The next message; call only if there is one.
    std::string next_message();

    // Kept here for the connection: whether it is in the queue, and its part of the backlog.
    bool enlisted = false;
    std::uint64_t backlog = 0;

  private:
    // A deactivating or failed binding has only its UNBIND left to send.
    bool ending() const { return deactivating_ || suspended_ || error_received_; }
    bool over() const { return unbind_sent_ && (error_received_ || unbound_received_); }
    bool may_upload() const;
    void reset_binding();
    void settle(); // after a step that may have ended the binding
    void enlist();
    void read_state();
    void fetch();
    void set_state(const ClientState& state);
    void on_counters(); // reports, then upload completion: the order of 5.3
    void check_uploads();
    void check_downloads();
    void on_fetched(PendingUpload upload);
    void on_integration_failed(const IntegrationFailed& failed);

    SessionHost& host_;
    const ClientTuning& tuning_;
    const std::uint64_t ident_, sync_session_;
    std::string partition_;

    std::optional<ClientState> state_; // as last read or stored
    std::uint64_t newest_version_ = 0; // local version, as far as is known
    Reporter reporter_;

    bool connected_ = false;
    bool deactivating_ = false;
    bool suspended_ = false;
    bool upload_delayed_ = true;

    // Of the present binding
    std::uint64_t binding_ = 0;
    bool bind_sent_ = false, ident_sent_ = false, unbind_sent_ = false;
    bool error_received_ = false, unbound_received_ = false;
    bool ident_received_ = false; // being stored
    std::optional<IntegrationFailed> client_error_;
    bool client_error_sent_ = false;
    wire::SyncProgress received_;                // of the last DOWNLOAD, integrated or not
    wire::UploadCursor scanned_;                 // the history is fetched up to here
    std::uint64_t announced_server_version_ = 0; // in the last UPLOAD
    std::vector<PendingUpload> uploads_;         // fetched, to be sent
    bool fetching_ = false;

    std::uint32_t integrating_ = 0; // jobs under way, of any binding
    bool reading_ = false, read_again_ = false;
    bool counters_stale_ = false; // commits have not been read, as nobody was watching

    // Waits (5.1, 5.2)
    bool upload_wait_requested_ = false; // the version it waits for is not known yet
    bool reading_for_upload_wait_ = false;
    std::optional<std::uint64_t> upload_target_;
    std::uint64_t target_mark_ = 0, last_mark_sent_ = 0, last_mark_received_ = 0;
    std::uint64_t last_mark_triggering_ = 0, cursor_at_mark_ = 0;

    Backoff resume_backoff_;
    std::int64_t resume_at_ = -1;
};

} // namespace realmsync::client
