// One session: the server's state machine of a binding, from BIND to UNBOUND or ERROR
// (server-behaviour.md sections 6 to 8, wire-protocol.md section 12). Its turn on the wire is given
// by connection.cpp; how it begins is in session_bind.cpp, what becomes of its uploads in
// session_uploads.cpp, which page it sends next in session_pages.cpp, flexible sync's query sets
// and bootstraps are in session_queries.cpp; whether an upload is acceptable is decided in
// upload.cpp.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "rules/session_roles.hpp"
#include "server/event.hpp"
#include "server/job.hpp"
#include "server/partition.hpp"
#include "server/subscriptions.hpp"
#include "server/upload.hpp"
#include "wire/error_code.hpp"
#include "wire/message.hpp"
#include "wire/outgoing.hpp"

namespace realmsync::server {

class Connection;
struct Context;

enum class SessionState : std::uint8_t {
    allocating_ident, // BIND asked for an ident
    send_ident,       // ident known, not sent
    wait_for_ident,   // for the client's IDENT
    binding,          // client's IDENT is being checked
    running,
    send_error,      // error decided, not sent
    wait_for_unbind, // error sent
    send_unbound,    // UNBIND received
    over,            // last message sent: to be destroyed
};

class Session {
  public:
    Session(Connection& connection, std::uint64_t ident, std::uint64_t binding);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    SessionRef ref() const;
    Connection& connection() const { return connection_; }
    SessionState state() const { return state_; }
    bool is_ending() const { return state_ >= SessionState::send_error; }
    bool is_permitted() const { return permission_.has_value(); } // may go to the store

    // Received messages. What is illegal ends the connection; what concerns this session alone
    // ends the session.
    void on_bind(const wire::Bind& message);
    void on_ident(const wire::ClientIdent& message);
    void on_upload(const wire::Upload& message);
    void on_query(const wire::Query& message);
    void on_mark(const wire::Mark& message);
    void on_unbind();
    void on_client_error(const wire::JsonError& message);
    void on_test_command(const wire::TestCommand& message);

    // Outcomes of its jobs, and news of its partition
    void on_permission(std::uint64_t question, std::optional<Permission> permission);
    void on_roles(std::uint64_t question, std::shared_ptr<const rules::SessionRoles> roles);
    void enter_partition(); // opens it, unless somebody does already
    void on_partition_open();
    void on_ident_allocated(wire::FileIdent file);
    void on_bound(const BoundFile& file);
    void on_upload_done(const UploadDone& done);
    void on_subscribed(SubscribeDone done);
    void on_concluded(const std::shared_ptr<const Bootstrap>& bootstrap,
                      ConcludedBootstrap concluded);
    void on_begun_early(const std::shared_ptr<const Bootstrap>& bootstrap);
    void on_appended(const Appended& appended); // of its upload, before others hear of it
    void on_page(Page page);
    void on_no_page(); // it could not be read
    void on_head();
    // It has not been told how far it is: if that is so many versions, it will be.
    void on_visit(std::uint64_t lag);
    void give_up_page(); // it can be read again
    void give_up_views();
    void on_bootstrap_turn();
    void end_bootstrap_turn(); // others wait: it goes on in its next one
    // The claim on its file is settled: held uploads may go.
    void release_uploads();
    // Progress that waited for an upload has waited long enough.
    void on_progress_due();

    // Asks what its user may do here, for the first time or again.
    void ask_permission();
    // The session gets `code` as its error, after an acknowledgement where a reset would otherwise
    // repeat what is integrated (10.7 R4).
    void fail(wire::Code code, std::string_view message);
    void fail(wire::Code code, const wire::ErrorInfo& info);
    void refuse(const Refusal& refusal);
    // With session_closed SDKs come again after a second and download before they upload; with
    // another code after the delay that they are told, which grows.
    void try_later(std::string_view message, wire::Code code = wire::Code::session_closed);
    void note_seen();     // its client file does not expire while it is bound
    void obey_settings(); // the app's are others by now: it ends if they do not allow it
    // Leaves partition and file: nothing of this binding will be integrated but what is queued.
    void detach();

    // Whether it has something to send.
    bool wants_turn() const;
    // The next message. Returns nothing if that is a DOWNLOAD whose page is not read yet; the page
    // has then been requested and the session is enlisted again when it arrives.
    std::optional<wire::Outgoing> take_message();
    // There is room for the page that it had to wait for; false when it needs none any more.
    bool on_page_slot();
    bool enlisted = false; // stands in the connection's queue

  private:
    struct MarkRequest {
        std::uint64_t request = 0; // 0: none
        std::uint64_t target = 0;  // server version to be sent first
        std::uint64_t queries = 0; // that are to be settled first
    };
    struct HeldUpload {
        wire::Upload message; // body views `bytes`
        std::shared_ptr<const std::string> bytes;
    };
    using Held = std::variant<HeldUpload, Subscribing>;
    struct SessionError {
        wire::Code code;
        std::string body;
    };

    bool is_legal(std::string_view message, bool needs_ident); // else the connection has failed
    bool is_fenced() const;                                    // uploads have to wait
    std::optional<std::string> partition_key(const wire::Bind& message); // none: it has failed
    std::optional<wire::PartitionValue> parse_partition(std::string_view text);
    // Whether the app has clients of this mode; if not, the session is told to change its own.
    // `value`: its partition, null in flexible sync.
    bool require_mode(const wire::PartitionValue* value);
    bool require_schema_version(); // that the app knows; if not, the session has failed
    void refuse_paused();          // its app is not served for the time being
    void bind_file();
    // session_uploads.cpp
    void process_upload(const wire::Upload& message, std::shared_ptr<const std::string> bytes);
    void hold(Held held);
    void drop_held();
    void put_off(UploadTask progress);
    void submit_progress();
    void submit(UploadTask task, std::uint64_t cost);
    void discharge(std::uint64_t cost);
    // session_queries.cpp
    void process_query(Subscribing request);
    static std::uint64_t query_cost(const Subscribing& request);
    bool takes_bootstrap(const BoundFile& file) const;
    std::uint64_t served() const;
    std::optional<KnownVersions> known_versions() const;
    void await_settlement();
    bool takes_unasked_bootstraps() const;
    bool may_begin_early() const;
    void begin_early();
    void conclude_if_ready();
    bool is_page_ready() const; // to be sent
    wire::Outgoing take_query_error();
    wire::ErrorInfo told_of(const std::vector<Page::Rejected>& rejected, wire::Code code) const;
    std::optional<wire::Outgoing> take_rejection();
    wire::Outgoing take_migration();
    void refuse_ingested(const Page& page);
    void describe(const Page& page, wire::Download& download);
    void on_bootstrap_page(Page page);
    bool take_bootstrap_turn();
    void leave_bootstrap_turn();
    void note_memory();
    void note_views();
    void bound_views();
    void leave_views();
    void drop_ident_query();
    // session_pages.cpp
    bool lacks_history() const; // that it has to see
    bool needs_download() const;
    bool needs_page() const; // has none, and none is asked for
    void request_page();
    PageRequest page_request() const;
    void drop_page();
    wire::Outgoing take_download();

    bool is_mark_due() const;
    bool owes_acknowledgement() const; // before the error, and it can be told now
    void acknowledge_only();
    wire::Outgoing take_mark();
    wire::Outgoing take_error();
    std::string whose() const; // for the log: app, user, client file, partition
    void set_unacknowledged(bool value);
    void enlist_if_ready();      // for a turn, when there is something to send
    Partition& attached() const; // the partition, of a session that is not ending

    Connection& connection_;
    Context& context_;
    const std::uint64_t ident_;
    const std::uint64_t binding_;
    SessionState state_ = SessionState::wait_for_ident;
    std::optional<Permission> permission_; // none: not known yet, so nothing reaches the store
    std::shared_ptr<const rules::SessionRoles>
        roles_; // of flexible sync, as soon as it is permitted
    bool first_download_sent_ = false;
    bool page_in_flight_ = false;
    bool awaits_bootstrap_turn_ = false;
    bool page_acknowledges_ = false; // was asked for after the last upload was integrated
    bool waits_for_page_slot_ = false;
    bool owes_progress_ = false;       // a DOWNLOAD that says how far it is
    bool unacknowledged_ = false;      // something integrated that no DOWNLOAD sent has told
    bool acknowledgement_due_ = false; // before the error
    bool acknowledges_only_ = false;   // then: nothing of the history can be told with it
    bool awaits_progress_due_ = false; // stands in Context::progress_due
    Partition* partition_ = nullptr;   // while attached
    std::uint64_t handle_ = 0;         // of the partition, also when detached
    PartitionId partition_id_ = 0;
    std::uint64_t question_ = 0; // the newest about its permission
    wire::FileIdent file_;
    wire::DownloadCursor download_; // sent, or skipped since
    std::uint64_t told_ = 0;        // server version that the client knows to have
    wire::SaltedVersion latest_;    // told or heard
    std::uint32_t uploads_in_flight_ = 0;
    UploadGate gate_;
    std::shared_ptr<UploadStream> stream_; // made by the first upload
    MarkRequest oldest_mark_, newest_mark_;
    std::uint64_t answered_mark_ = 0;
    // Behind pointers, since a server holds many more idle sessions than busy ones: none of these
    // takes more than a pointer's room while there is nothing in it.
    std::unique_ptr<Page> page_;
    std::unique_ptr<SessionError> error_;
    std::unique_ptr<std::deque<Held>> held_;
    std::unique_ptr<Subscriptions> subscriptions_; // of flexible sync
    // Of flexible sync, where the application knows of a partition (AppendRequest).
    std::shared_ptr<const wire::PartitionValue> migrated_from_;
    std::optional<std::uint64_t> schema_version_; // of flexible sync, where BIND says one
    std::unique_ptr<Subscribing> ident_query_;    // of its IDENT, until the writer has it
    std::shared_ptr<const Bootstrap> page_of_;    // the bootstrap whose page was asked for last
    std::unique_ptr<UploadTask> progress_;        // put off; the newest stands for all before it
    std::unique_ptr<std::vector<std::uint64_t>> test_commands_; // requests to answer
};

} // namespace realmsync::server
