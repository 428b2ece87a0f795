// net/ref.h: shared ownership of what descriptors, sleeping calls and packets in flight refer to.
//
// The count is in the object (FreeBSD's f_count): T has AddRef() and DropRef(), and the last
// DropRef() ends it. No virtual call, no allocation beside the object's own.
#ifndef VMSIM_NET_REF_H_
#define VMSIM_NET_REF_H_

#include <type_traits>
#include <utility>

namespace vmsim::net {

template <typename T>
class Ref {
 public:
  Ref() = default;
  explicit Ref(T* object) : object_(object) {
    if (object_ != nullptr) object_->AddRef();
  }
  Ref(const Ref& other) : Ref(other.object_) {}
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  // A reference to what T derives from.
  template <typename U, typename = std::enable_if_t<std::is_convertible_v<U*, T*>>>
  Ref(const Ref<U>& other) : Ref(static_cast<T*>(other.get())) {}
  ~Ref() {
    if (object_ != nullptr) object_->DropRef();
  }
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }

  // Gives up the reference; the object ends if it was the last.
  void reset() { *this = Ref(); }
  T* get() const { return object_; }
  T& operator*() const { return *object_; }
  T* operator->() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  T* object_ = nullptr;
};

// An object that ends with its last Ref.
template <typename T>
class RefCounted {
 public:
  void AddRef() { ++references_; }
  void DropRef() {
    if (--references_ == 0) delete static_cast<T*>(this);
  }

 private:
  int references_ = 0;
};

}  // namespace vmsim::net

#endif  // VMSIM_NET_REF_H_
