// Progress accounting (client-session.md section 6): reports computed from a file's counters, and
// the notifiers that turn them into callbacks. Counting bytes is the store's business.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "client/store.hpp"
#include "wire/message.hpp"

namespace realmsync::client {

enum class Direction : std::uint8_t { upload, download };

struct Report {
    std::uint64_t uploaded = 0, uploadable = 0;
    std::uint64_t downloaded = 0, downloadable = 0; // downloadable counts what has come, too
    double upload_estimate = 0, download_estimate = 0;
    std::uint64_t snapshot = 0;
    std::int64_t query_version = 0; // FLX
};

// Makes the reports of one protocol session: gate, estimates and de-duplication (6.2, 6.3).
class Reporter {
  public:
    explicit Reporter(wire::Mode mode) : mode_(mode) {}
    // The counters when the session was activated: what estimates are measured from.
    void activate(const ClientState& state);
    // The first DOWNLOAD of the session has been integrated.
    void open_gate() { open_ = true; }
    // Nothing while the gate is closed or if nothing that counts has changed.
    std::optional<Report> report(const ClientState& state);

  private:
    void count_downloads(const ClientState& state, Report& report);

    const wire::Mode mode_;
    std::uint64_t uploaded_final_ = 0, downloaded_final_ = 0;
    bool open_ = false;
    std::optional<Report> last_;
};

// The notifiers of one sync session (6.4). They outlive protocol sessions.
class Notifiers {
  public:
    struct Call {
        std::uint64_t token;
        std::uint64_t transferred, transferable;
        double estimate;
        bool expired; // the last call of a one-shot notifier
    };
    struct Registration {
        std::uint64_t token; // 0: expired in its first call, not stored
        std::optional<Call> call;
    };

    // `pending_query` is the version of the latest subscription set, 0 for PBS.
    Registration add(Direction direction, bool streaming, std::int64_t pending_query = 0);
    void remove(std::uint64_t token);
    void update(const Report& report, std::vector<Call>& calls);
    // As the latest commit notification said.
    void set_local_version(std::uint64_t version);
    bool empty() const { return notifiers_.empty(); }

  private:
    struct Notifier {
        std::uint64_t token;
        Direction direction;
        bool streaming;
        std::int64_t pending_query;
        std::uint64_t captured_version;
        std::optional<std::uint64_t> captured_total;
    };
    static std::optional<Call> evaluate(Notifier& notifier, const Report& report);

    std::vector<Notifier> notifiers_; // ascending by token
    std::uint64_t next_token_ = 1;
    std::uint64_t local_version_ = 0;
    std::optional<Report> last_;
};

} // namespace realmsync::client
