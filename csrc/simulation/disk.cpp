#include "simulation/disk.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace realmsync::simulation {

using sqlite::Io;

void Disk::Content::replace(std::uint64_t offset, std::string_view with) {
    const std::uint64_t size = bytes.size(), end = offset + with.size();
    const std::uint64_t replaced = std::min<std::uint64_t>(end, size);
    unsynced.push_back(
        {offset, offset < replaced ? bytes.substr(offset, replaced - offset) : "", size});
    if (end > size)
        bytes.resize(end);
    bytes.replace(offset, with.size(), with);
}

void Disk::Content::resize(std::uint64_t size) {
    unsynced.push_back({size, size < bytes.size() ? bytes.substr(size) : "", bytes.size()});
    bytes.resize(size);
}

void Disk::Content::revert() {
    for (auto undo = unsynced.rbegin(); undo != unsynced.rend(); ++undo) {
        bytes.resize(undo->size);
        if (!undo->bytes.empty())
            bytes.replace(undo->offset, undo->bytes.size(), undo->bytes);
    }
    unsynced.clear();
}

// An open file of the machine that was at work when it was opened.
class Disk::File final : public sqlite::VirtualFile {
  public:
    File(Disk& disk, std::shared_ptr<Content> content)
        : disk_(disk), content_(std::move(content)), machine_(disk.machine_) {}

    Io read(std::uint64_t offset, char* out, std::size_t size, std::size_t& got) override {
        std::lock_guard lock(disk_.mutex_);
        if (is_dead())
            return Io::failed;
        const std::string& bytes = content_->bytes;
        got = offset < bytes.size() ? std::min<std::size_t>(size, bytes.size() - offset) : 0;
        if (got != 0)
            std::memcpy(out, bytes.data() + offset, got);
        return Io::ok;
    }

    Io write(std::uint64_t offset, std::string_view bytes) override {
        std::lock_guard lock(disk_.mutex_);
        if (is_dead() || strikes(disk_.failing_write_))
            return Io::failed;
        const std::uint64_t end = offset + bytes.size(), size = content_->bytes.size();
        if (disk_.limit_ != 0 && end > size && disk_.total() + (end - size) > disk_.limit_)
            return Io::full;
        content_->replace(offset, bytes);
        return Io::ok;
    }

    Io truncate(std::uint64_t size) override {
        std::lock_guard lock(disk_.mutex_);
        if (is_dead())
            return Io::failed;
        content_->resize(size);
        return Io::ok;
    }

    Io sync() override {
        std::lock_guard lock(disk_.mutex_);
        if (is_dead() || strikes(disk_.failing_sync_))
            return Io::failed;
        content_->unsynced.clear();
        return Io::ok;
    }

    std::uint64_t size() override {
        std::lock_guard lock(disk_.mutex_);
        return content_->bytes.size();
    }

    bool is_alive() override {
        std::lock_guard lock(disk_.mutex_);
        return !is_dead();
    }

  private:
    bool is_dead() const { return machine_ != disk_.machine_; }

    Disk& disk_;
    const std::shared_ptr<Content> content_;
    const std::uint64_t machine_;
};

std::unique_ptr<Disk> Disk::copy() {
    auto result = std::make_unique<Disk>();
    std::lock_guard lock(mutex_);
    for (const auto& [path, content] : files_)
        result->files_.emplace(path, std::make_shared<Content>(Content{content->bytes, {}}));
    return result;
}

void Disk::limit(std::uint64_t bytes) {
    std::lock_guard lock(mutex_);
    limit_ = bytes;
}

std::uint64_t Disk::used() {
    std::lock_guard lock(mutex_);
    return total();
}

std::uint64_t Disk::total() const {
    std::uint64_t bytes = 0;
    for (const auto& [path, content] : files_)
        bytes += content->bytes.size();
    return bytes;
}

void Disk::kill() {
    forget_openers();
    std::lock_guard lock(mutex_);
    ++machine_;
}

void Disk::cut_power() {
    kill();
    std::lock_guard lock(mutex_);
    for (auto& [path, content] : files_)
        content->revert();
}

std::shared_ptr<sqlite::VirtualFile> Disk::open(const std::string& path, bool create) {
    std::lock_guard lock(mutex_);
    auto found = files_.find(path);
    if (found == files_.end()) {
        if (!create)
            return nullptr;
        found = files_.emplace(path, std::make_shared<Content>()).first;
    }
    return std::make_shared<File>(*this, found->second);
}

bool Disk::exists(const std::string& path) {
    std::lock_guard lock(mutex_);
    return files_.contains(path);
}

void Disk::remove(const std::string& path) {
    std::lock_guard lock(mutex_);
    files_.erase(path);
}

} // namespace realmsync::simulation
