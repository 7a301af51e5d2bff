#include "merge/transform.hpp"

#include "merge/walk.hpp"

namespace realmsync::merge {

namespace {

constexpr std::size_t kWorthKeeping = 256u << 10; // bytes: a millisecond's work to make again

} // namespace

class Transformer::Impl {
  public:
    explicit Impl(Profile profile) : profile_(profile), index_(profile) {}

    void transform(Window& window, std::span<Incoming> incoming, Work& work) {
        if (incoming.empty())
            return;
        require_base(incoming.front().base);
        const std::uint64_t known = index_.entries.empty() ? base_ : index_.entries.back().version;
        index_.append(window.entries_after(std::max(known, base_)));
        while (!incoming.empty()) {
            require_base(incoming.front().base);
            std::size_t count = 1;
            while (count < incoming.size() && incoming[count].base == base_)
                ++count;
            // The window of a later run is the end of the first one's, as earlier runs left it.
            index_.advance(base_);
            if (!index_.empty())
                walk(index_, incoming.first(count), profile_, work);
            incoming = incoming.subspan(count);
        }
    }

    void store_reciprocals(Window& window) {
        for (const std::size_t entry : index_.take_altered())
            window.store_reciprocal(index_.entries[entry], index_.encode(entry));
    }

    std::uint64_t base() const { return base_; }
    std::size_t memory() const { return index_.memory(); }
    bool is_worth_keeping(std::size_t bytes) const {
        return memory() >= kWorthKeeping && memory() <= bytes &&
               index_.first() * 2 <= index_.entries.size();
    }

  private:
    void require_base(std::uint64_t next) {
        if (next < base_)
            raise(ErrorKind::bad_progress, "The bases of the changesets descend.");
        base_ = next;
    }

    const Profile profile_;
    WindowIndex index_;
    std::uint64_t base_ = 0;
};

Transformer::Transformer(Profile profile) : impl_(std::make_unique<Impl>(profile)) {}
Transformer::~Transformer() = default;

Result<std::monostate> Transformer::transform(Window& window, std::span<Incoming> incoming,
                                              Work& work) {
    try {
        impl_->transform(window, incoming, work);
    } catch (const ErrorException& e) {
        return e.error();
    }
    return std::monostate{};
}

void Transformer::store_reciprocals(Window& window) { impl_->store_reciprocals(window); }
std::uint64_t Transformer::base() const { return impl_->base(); }
std::size_t Transformer::memory() const { return impl_->memory(); }
bool Transformer::is_worth_keeping(std::size_t bytes) const {
    return impl_->is_worth_keeping(bytes);
}

Result<std::monostate> transform(Window& window, std::span<Incoming> incoming, Profile profile) {
    Transformer transformer(profile);
    Work unlimited;
    Result<std::monostate> result = transformer.transform(window, incoming, unlimited);
    if (result)
        transformer.store_reciprocals(window);
    return result;
}

} // namespace realmsync::merge
