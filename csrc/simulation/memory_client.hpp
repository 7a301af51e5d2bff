// A client's realm file in memory, for tests and simulation: history, cursors and byte counters by
// the rules of realm_file.cpp, changesets kept as bytes and never merged or applied.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "client/store.hpp"

namespace realmsync::simulation {

class MemoryClientStore final : public client::ClientStore {
  public:
    client::ClientState state() override;
    client::ClientState store_ident(const wire::FileIdent& file) override;
    Result<client::ClientState> integrate(client::Integration integration) override;
    client::PendingUpload fetch_upload(const wire::UploadCursor& from,
                                       const client::UploadLimits& limits) override;
    void add_listener(std::weak_ptr<client::CommitListener> listener) override;

    // One local transaction; empty changesets make a version, too. Its version.
    std::uint64_t commit(std::string changeset, std::uint64_t timestamp);
    // The next integration fails with this kind of error, once.
    void fail_integration(ErrorKind kind);
    // The changesets integrated so far, as instruction counts by server version.
    struct Received {
        std::uint64_t server_version, client_version, origin_file_ident;
        std::size_t instructions;
    };
    std::vector<Received> received();

  private:
    struct Entry {             // of version index + 2
        std::string changeset; // empty: nothing to upload
        std::uint64_t timestamp = 0;
        std::uint64_t server_version = 0; // integrated when it was made
    };
    client::ClientState snapshot() const;
    void append(Entry entry);

    std::mutex mutex_;
    client::ClientState state_;
    std::vector<Entry> history_;
    std::vector<Received> received_;
    std::vector<std::weak_ptr<client::CommitListener>> listeners_;
    ErrorKind failure_ = ErrorKind::bad_changeset;
    bool fails_ = false;
};

} // namespace realmsync::simulation
