// A client's storage for tests and fuzzers: the real realm file on a disk in memory, with a record
// of what it was sent and integrations that fail on command.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "client/store.hpp"
#include "realm/realm_file.hpp"
#include "simulation/disk.hpp"
#include "tuning.hpp"

namespace realmsync::simulation {

class ClientStorage final : public client::ClientStore {
  public:
    explicit ClientStorage(int checkpoint_pages = RealmTuning{}.checkpoint_pages);

    Disk& disk() { return *disk_; }
    // What the next process opens on the disk. The present one can do nothing any more.
    std::shared_ptr<ClientStorage> reopen();
    const std::shared_ptr<realm::RealmFile>& file() const { return file_; }
    // The next integration fails with this kind of error, once.
    void fail_integration(ErrorKind kind);
    // The changesets integrated so far.
    struct Received {
        std::uint64_t server_version, client_version, origin_file_ident;
        std::size_t instructions;
    };
    std::vector<Received> received();

    client::ClientState state() override { return file_->state(); }
    bool has_reset() override { return file_->has_reset(); }
    client::ClientState store_ident(const wire::FileIdent& ident) override {
        return file_->store_ident(ident);
    }
    Result<client::ClientState> integrate(client::Integration integration) override;
    client::PendingUpload fetch_upload(const client::UploadStart& from,
                                       const client::UploadLimits& limits) override {
        return file_->fetch_upload(from, limits);
    }
    client::PendingQuery active_query() override { return file_->active_query(); }
    Result<client::ClientState> take_bootstrap(const client::ReceivedDownload& part,
                                               client::DownloadReader& body,
                                               const std::atomic<bool>* stop) override {
        if (const auto failure = take_failure())
            return Error{*failure, "asked to fail"};
        return file_->take_bootstrap(part, body, stop);
    }
    client::ClientState resume_bootstrap(const client::DownloadLimits& limits,
                                         const std::atomic<bool>* stop) override {
        return file_->resume_bootstrap(limits, stop);
    }
    Result<client::ClientState> reject_set(std::int64_t version,
                                           const std::string& message) override {
        return file_->reject_set(version, message);
    }
    client::ClientState complete_set(std::int64_t version) override {
        return file_->complete_set(version);
    }
    void add_listener(std::weak_ptr<client::CommitListener> listener) override {
        file_->add_listener(std::move(listener));
    }

  private:
    ClientStorage(std::shared_ptr<Disk> disk, int checkpoint_pages);
    std::optional<ErrorKind> take_failure();

    const std::shared_ptr<Disk> disk_;
    const int checkpoint_pages_;
    const std::shared_ptr<realm::RealmFile> file_;
    std::mutex mutex_; // guards what follows
    std::vector<Received> received_;
    std::optional<ErrorKind> failure_;
};

} // namespace realmsync::simulation
