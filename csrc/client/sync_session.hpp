// The sync session: what the application sees of one synced file. Life cycle, waits, notifiers and
// the reaction to errors (client-session.md 2 to 5 and 12.4). It owns at most one protocol session.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "client/connection.hpp"
#include "client/event.hpp"
#include "client/session.hpp"
#include "client/situation.hpp"
#include "client/waits.hpp"

namespace realmsync::client {

struct Context;

enum class StopPolicy : std::uint8_t { after_changes_uploaded, immediately, live_indefinitely };

struct SyncSessionConfig {
    std::string user;
    SessionTerms terms; // the fresh copy of a reset is one from the beginning
    Route route;
    std::string connection_settings; // TLS, proxy, headers: whatever, compared only
    StopPolicy stop_policy = StopPolicy::after_changes_uploaded;
    bool cancel_waits_on_nonfatal_error = false;
    bool manual_client_reset = false; // reported to the application, else done for it
};

class SyncSession final : private SessionObserver {
  public:
    SyncSession(Context& context, std::uint64_t id, SyncSessionConfig config)
        : context_(context), id_(id), config_(std::move(config)) {}
    SyncSession(const SyncSession&) = delete;
    SyncSession& operator=(const SyncSession&) = delete;

    std::uint64_t id() const { return id_; }
    const SyncSessionConfig& config() const { return config_; }
    Lifecycle state() const { return state_; }
    ConnectionState connection_state() const { return connection_state_; }
    std::uint64_t file_ident() const { return file_ident_; }
    Situation situation() const;
    // The error that ended it, as long as nothing starts it again.
    struct End {
        std::int32_t status;
        std::string message;
    };
    const std::optional<End>& end() const { return end_; }
    // Nothing of it uses the file or a connection any more.
    bool is_released() const { return !session_ && is_file_free() && !reset_; }

    // User calls, one row each of the table in 2.3. `token_expired` is the token gate (2.5).
    void open() { referenced_ = true; } // a reference was taken; what starts it is revive()
    void revive(bool token_expired);
    void resume(bool token_expired);
    void pause();
    void force_close(std::int32_t status, const std::string& message);
    void close();
    void set_stop_policy(StopPolicy policy); // one that was closed already follows it at once
    void shut_down(); // for good: no wait stays open, not even one of a stopped session
    void set_route(const Route& route); // a running session starts anew
    void reconnect();
    void set_access_token(const std::string& token);  // that was asked for
    void keep_access_token(const std::string& token); // for the next handshake, and nothing else
    void token_refresh_failed(bool authentication, std::int32_t status, const std::string& message);
    // The file has been reset, or could not be: what was stopped or closed meanwhile stays so.
    void finish_reset(std::optional<wire::Mode> mode = {}); // that it has now, if it is another
    void fail_reset(const std::string& message);
    // The version that the server serves the file under, if that is not the application's; and to
    // have the file begin anew with that, as a reset without a failure: ResetRequired follows.
    std::optional<std::uint64_t> served_schema_version() const {
        return config_.terms.served_schema_version;
    }
    void migrate_schema();
    // Who opens the file now has another one.
    void set_schema_version(std::uint64_t version);
    // A wait that nothing can end any more fails at once, with what ended the session.
    void wait(Direction direction, std::uint64_t wait_id);
    // For a subscription set to be complete, or superseded; fails with the server's text when it is
    // rejected.
    void wait_for_set(std::int64_t version, std::uint64_t wait_id);
    // `pending_query`: the latest set of the file; 0 in partition-based sync.
    Notifiers::Registration add_notifier(Direction direction, bool streaming,
                                         std::int64_t pending_query = 0);
    void remove_notifier(std::uint64_t token) { notifiers_.remove(token); }
    void on_commit(std::uint64_t version);
    void on_job_done();                        // after its outcome was looked at
    void report_error(const Failure& failure); // 12.4

  private:
    // SessionObserver: from the protocol session
    bool is_watching() const override { return !notifiers_.empty() || !waits_.empty(); }
    void on_report(const Report& report) override;
    void on_complete(Direction direction) override;
    void on_connection(ConnectionState state, const Failure* failure) override;
    void on_file_ident(std::uint64_t ident) override;
    void on_route_verified() override { config_.route.verified = true; }
    void on_subscriptions(const Subscriptions& subscriptions, bool is_first) override;
    void on_partition_left() override;
    void on_reset_pending() override;
    void on_submit() override { ++jobs_; }
    void on_finished() override;

    bool is_file_free() const { return unfinished_ == 0 && jobs_ == 0; }
    void on_file_freed();
    bool is_running() const { return state_ == Lifecycle::active || state_ == Lifecycle::dying; }
    void enter(Lifecycle state);
    void activate();
    void start();
    void restart();
    bool refuse_wait(std::uint64_t wait); // it would never end
    void leave();                     // lets go of the protocol session, which unbinds on its own
    Connection& touched_connection(); // of the protocol session
    void announce_release();
    void end_by(std::int32_t status, const std::string& message);
    void stop(Lifecycle state, std::int32_t status, const std::string& message);
    void set_connection_state(ConnectionState state);
    void fail_waits(std::int32_t status, const std::string& message);
    void on_refusal(std::int32_t status, const std::string& message);
    void resolve(std::uint64_t wait, std::int32_t status, const std::string& message);
    FileAction file_action(const Failure& failure) const; // 12.4
    void report(const Failure& failure);
    void on_client_reset(const Failure& failure);
    void begin_reset(const Failure& failure);
    void require_reset();
    bool take_schema_version(const Failure& failure);
    bool is_migration(const Failure& failure) const;

    Context& context_;
    const std::uint64_t id_;
    SyncSessionConfig config_;
    Lifecycle state_ = Lifecycle::inactive;
    ConnectionState connection_state_ = ConnectionState::disconnected;
    std::uint64_t file_ident_ = 0;
    bool referenced_ = true;
    std::optional<End> end_;
    bool needs_refresh_ = false; // an error has stopped it that only a new token or place can mend
    Waits waits_;
    Notifiers notifiers_;
    Session* session_ = nullptr;   // while there is one; its connection owns it
    std::uint64_t connection_ = 0; // of the latest one
    std::uint32_t unfinished_ = 0; // protocol sessions, with those that are still unbinding
    std::uint32_t jobs_ = 0;       // of the file, on their way; those of lost bindings, too
    bool is_leaving_partition_ = false;
    bool is_after_reset_ = false;  // the next protocol session is the first one since
    std::optional<Failure> reset_; // why the file is being reset; no protocol session until it is
    std::uint64_t death_ = 0;      // number of the upload wait that ends Dying; 0: not dying
};

} // namespace realmsync::client
